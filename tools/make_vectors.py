"""Write the golden files of tests/golden: `python tools/make_vectors.py`. It only adds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from codec.codings import Coding
from codec.container.constants import GridPreset
from codec.container.dump import dump
from codec.container.file import Alpha, Header, Metadata, TadmFile
from codec.container.writer import write
from codec.geometry import Size, lr_size, slab_boxes
from codec.lr import StoredLr
from codec.payload.registry import payload_for

FOLDER = Path(__file__).resolve().parent.parent / "tests/golden"
MODEL_ID = bytes.fromhex("0123456789abcdef")


def picture(size: Size) -> np.ndarray:
    """Waves with a little of every colour, from integers only."""
    y, x = np.mgrid[0 : size.height, 0 : size.width]
    return np.stack([(x * 7 + y * 3) % 256, (x * y // 2) % 256, (255 - x * 2 - y * 5) % 256], 2).astype(np.uint8)


def make(
    size: Size, scale: int, coding: Coding, quality: int, slab: Size | None = None, *, chroma: str = "420",
    grid: int = GridPreset.COMPACT_64, **fields: object,
) -> TadmFile:  # fmt: skip
    """A file whose LR is `picture`."""
    lr = lr_size(size, scale)
    pixels, slab = picture(lr), slab or lr
    payload = payload_for(coding)
    parts = [np.ascontiguousarray(pixels[b.y : b.y + b.height, b.x : b.x + b.width]) for b in slab_boxes(lr, slab)]
    header = Header(size=size, scale=scale, coding=coding, quality=quality, grid=grid, model_id=MODEL_ID)
    payloads = [payload.encode(p, quality=quality, chroma=chroma) for p in parts]
    return TadmFile(header=header, slab=slab, payloads=payloads, **fields)  # type: ignore[arg-type]


def channel(alpha: np.ndarray, coding: Coding) -> Alpha:
    """A coded alpha channel."""
    pixels = np.repeat(alpha[..., None], 3, 2)
    return Alpha(coding=coding, parts=(payload_for(coding).encode(pixels, quality=60, chroma="420"),))


def vectors() -> dict[str, TadmFile]:
    """Golden files by name."""
    photo, alpha = Size(201, 130), (np.add.outer(np.arange(130), np.arange(201)) % 256).astype(np.uint8)
    return {
        "png-scale16": make(photo, 16, Coding.PNG, 100),
        "png-1x1": make(Size(1, 1), 32, Coding.PNG, 100),
        "av1-coarse": make(photo, 4, Coding.AV1, 0),
        "av1-default": make(photo, 4, Coding.AV1, 38),
        "av1-fine": make(photo, 8, Coding.AV1, 99, chroma="444"),
        "av1-full-chroma": make(photo, 4, Coding.AV1, 38, chroma="444"),
        "av1-slabs": make(photo, 4, Coding.AV1, 50, Size(32, 16)),
        "png-slabs": make(photo, 8, Coding.PNG, 100, Size(16, 16)),
        "metadata": make(
            photo, 4, Coding.AV1, 20,
            metadata=Metadata(icc=b"icc profile" * 20, exif=b"MM\0*\0\0\0\x08\0\0\0\0\0\0", xmp=b"<x:xmpmeta/>"),
            timesteps=bytes(range(0, 240, 20)), unknown=((b"note", b"kept as it is"),),
        ),
        "webp-scale8": make(photo, 8, Coding.WEBP, 100),
        "webp-slabs": make(photo, 4, Coding.WEBP, 100, Size(32, 16)),
        "jxl-scale8": make(photo, 8, Coding.JXL, 100),
        "alpha-png": make(photo, 4, Coding.AV1, 20, alpha=channel(alpha, Coding.PNG)),
        "alpha-webp": make(photo, 4, Coding.WEBP, 100, alpha=channel(alpha, Coding.WEBP)),
        "picture-time": make(photo, 4, Coding.AV1, 30, grid=GridPreset.PICTURE_TIME),
        "picture-twice": make(photo, 8, Coding.AV1, 40, grid=GridPreset.PICTURE_TWICE),
        "grid-preset-7": make(photo, 8, Coding.PNG, 100, grid=7),
        "alpha-lossy": make(photo, 4, Coding.AV1, 20, alpha=channel(alpha, Coding.AV1)),
    }  # fmt: skip


def main() -> None:
    """Write NAME.tadm, NAME.json (structure) and NAME.png (LR) of every golden file that is not there."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, file in vectors().items():
        if (FOLDER / f"{name}.tadm").exists():
            continue
        (FOLDER / f"{name}.tadm").write_bytes(write(file))
        (FOLDER / f"{name}.json").write_text(json.dumps(dump(file), indent=1) + "\n")
        Image.fromarray(StoredLr(file).whole()).save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
