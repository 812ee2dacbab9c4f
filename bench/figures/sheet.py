"""A comparison sheet: the same crop of the original, ours and peers at matched bytes, with their figures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.photos import PixelArray

_BORDER, _TEXT, _LINE = 6, 36, 16
_BACK, _INK, _SOFT = (255, 255, 255), (20, 20, 20), (110, 110, 110)


@dataclass(frozen=True)
class Cell:
    """One picture of a sheet: two lines of text and pixels, uint8 [h, w, 3]."""

    title: str
    detail: str
    pixels: PixelArray


def sheet(cells: list[Cell], columns: int) -> Image.Image:
    """Cells row by row; all of one size."""
    height, width = cells[0].pixels.shape[:2]
    rows = -(-len(cells) // columns)
    step_x, step_y = width + _BORDER, height + _TEXT + _BORDER
    page = Image.new("RGB", (columns * step_x + _BORDER, rows * step_y + _BORDER), _BACK)
    draw = ImageDraw.Draw(page)
    font, small = ImageFont.load_default(13), ImageFont.load_default(11)
    for i, cell in enumerate(cells):
        x, y = _BORDER + i % columns * step_x, _BORDER + i // columns * step_y
        draw.text((x, y), cell.title, fill=_INK, font=font)
        draw.text((x, y + _LINE), cell.detail, fill=_SOFT, font=small)
        page.paste(Image.fromarray(np.ascontiguousarray(cell.pixels)), (x, y + _TEXT))
    return page


def detailed_crop(pixels: PixelArray, width: int, height: int) -> tuple[int, int, int, int]:
    """Box (x, y, width, height) of the given size with the most detail, so that a sheet shows what is hard."""
    full_height, full_width = pixels.shape[:2]
    width, height = min(width, full_width), min(height, full_height)
    grey = pixels.astype(np.float64).mean(2)
    energy = np.zeros_like(grey)
    energy[:, 1:] += np.abs(np.diff(grey, axis=1))
    energy[1:] += np.abs(np.diff(grey, axis=0))
    total = np.pad(energy.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    y, x = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(x), int(y), width, height
