"""Pictures to look at: `python tools/contact_sheet.py OUT.png PHOTO... [--crop X,Y,W,H] [--peers] [--quality 48]`.

One row a photograph: original, stored LR enlarged, decoded at realism 0 and 1; with --peers also JPEG (of the half-size
picture) and AVIF at no more bytes than our file.
"""

from __future__ import annotations

import io
from pathlib import Path

import click
from PIL import Image, ImageDraw, ImageFont

import codec
from codec.models.compact.family import DEFAULT_QUALITY


def largest_under(picture: Image.Image, kind: str, limit: int, shrink: int) -> tuple[Image.Image, int]:
    """The picture through another codec at its best quality within `limit` bytes, and the bytes it took.

    Args:
        picture: the original.
        kind: "JPEG" or "AVIF".
        limit: bytes.
        shrink: factor by which the picture is downscaled before coding.
    """
    small = picture.resize((picture.width // shrink, picture.height // shrink), Image.Resampling.BICUBIC)
    options = {"JPEG": {"optimize": True, "progressive": True}, "AVIF": {"speed": 4, "advanced": {"tune": "ssim"}}}[
        kind
    ]
    best = None
    for quality in range(95):
        buffer = io.BytesIO()
        small.save(buffer, kind, quality=quality, **options)
        if best is not None and buffer.tell() > limit:
            break
        best = buffer
    assert best is not None
    best.seek(0)
    with Image.open(best) as image:
        return image.convert("RGB").resize(picture.size, Image.Resampling.BICUBIC), best.getbuffer().nbytes


def columns(
    path: Path, *, quality: int, scale: int, payload: str, model: str | None, peers: bool
) -> list[tuple[str, Image.Image]]:
    """Labelled pictures of one photograph, all of its size."""
    with Image.open(path) as image:
        original = image.convert("RGB")
    options = {"scale": scale, "payload": payload} | ({"quality": quality} if payload == "av1" else {})
    data = codec.encode(str(path), model=model, **options)
    out = [("original", original)]
    thumb = codec.thumbnail(data)
    out.append((f"stored LR, {thumb.width}x{thumb.height}", thumb.resize(original.size, Image.Resampling.NEAREST)))
    for realism in (0.0, 1.0):
        out.append((f"{len(data)} bytes, realism {realism:g}", codec.decode(data, realism=realism, model=model)))
    if peers:
        for kind, shrink in (("JPEG", 2), ("AVIF", 1)):
            picture, size = largest_under(original, kind, len(data), shrink)
            out.append((f"{kind}{'/2' if shrink == 2 else ''}, {size} bytes", picture))
    return out


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.argument("photos", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--crop", help="X,Y,W,H shown of every photograph.")
@click.option("--zoom", default=1, help="Enlargement of what is shown.")
@click.option("--peers", is_flag=True, help="Also JPEG and AVIF at no more bytes.")
@click.option("--per-row", type=int, help="Pictures a row; default: one row a photograph.")
@click.option("--quality", default=DEFAULT_QUALITY)
@click.option("--scale", default=4)
@click.option("--payload", default="av1")
@click.option("--model")
def main(
    target: Path, photos: tuple[Path, ...], crop: str | None, zoom: int, peers: bool, per_row: int | None, quality: int,
    scale: int, payload: str, model: str | None,
) -> None:  # fmt: skip
    """Write the sheet."""
    cells: list[tuple[str, Image.Image]] = []
    count = 0
    for path in photos:
        made = columns(path, quality=quality, scale=scale, payload=payload, model=model, peers=peers)
        count = len(made)
        for label, image in made:
            if crop:
                x, y, w, h = (int(v) for v in crop.split(","))
                image = image.crop((x, y, x + w, y + h))
            if zoom > 1:
                image = image.resize((image.width * zoom, image.height * zoom), Image.Resampling.NEAREST)
            cells.append((label, image))
    width = max(image.width for _, image in cells)
    height = max(image.height for _, image in cells) + 18
    wide = per_row or count
    sheet = Image.new("RGB", (wide * width, -(-len(cells) // wide) * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for index, (label, image) in enumerate(cells):
        x, y = index % wide * width, index // wide * height
        sheet.paste(image, (x, y + 18))
        draw.text((x + 4, y + 2), label, "black", font)
    sheet.save(target, **({"quality": 88} if target.suffix == ".jpg" else {}))


if __name__ == "__main__":
    main()
