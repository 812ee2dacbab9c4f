"""Picture rows: one line a photograph, faces first, with the original and every codec side by side at equal bytes."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from bench.figures.sheet import Cell, detailed_crop, sheet
from bench.judges.faces import Faces
from bench.photos import PixelArray
from bench.report.pictures import Gallery

Box = tuple[int, int, int, int]


def picture_rows(
    gallery: Gallery, images: list[str], target: float, codecs: tuple[str, ...], side: int,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> Image.Image:  # fmt: skip
    """The page.

    Args:
        gallery: of a run.
        images: names of its photographs.
        target: bpp.
        codecs: to show, in this order; none = all of the run.
        side: of a crop in pixels: around the largest face, else where the picture has the most detail.
        progress: told after every photograph.
    """
    boxes = {image: crop_of(gallery.original(image), side) for image in images}
    cells, columns = [], 1
    for count, image in enumerate(sorted(images, key=lambda name: not boxes[name][1]), 1):
        x, y, width, height = boxes[image][0]
        line = [Cell(image, f"crop at {x}, {y}", gallery.original(image)[y : y + height, x : x + width])]
        rows = {row["codec"]: row for row in gallery.rows(image, target, codecs)}
        for name in codecs or tuple(rows):
            if name in rows:
                pixels = gallery.decoded(rows[name])[y : y + height, x : x + width]
                line.append(Cell(gallery.title(name), f"{rows[name]['bytes']} B", pixels))
        columns = max(columns, len(line))
        cells.append(line)
        progress(count, len(images), image)
    return sheet([cell for line in cells for cell in (line + [line[0]] * columns)[:columns]], columns)


def crop_of(pixels: PixelArray, side: int) -> tuple[Box, bool]:
    """Where to look: a box (x, y, width, height), and whether there is a face in it."""
    height, width = pixels.shape[:2]
    try:
        faces = Faces().boxes(pixels)
    except ImportError:
        faces = []
    if not faces:
        return detailed_crop(pixels, side, side), False
    x, y, w, h = max(faces, key=lambda box: box[2] * box[3])
    wide, high = min(side, width), min(side, height)
    left = min(max(0, x + w // 2 - wide // 2), width - wide)
    top = min(max(0, y + h // 2 - high // 2), height - high)
    return (left, top, wide, high), True
