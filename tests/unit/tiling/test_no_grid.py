"""A smooth gradient shows no tiles: differences across tile lines are no larger than across other lines.

Lines are compared with lines at the same place within an LR pixel: coding and pixel shuffles have a period of their
own, which is no matter of tiles.
"""

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

import codec

TILE = 64
SIDE = 448
LIMIT = 1.02

Pixels = npt.NDArray[np.uint8]


def gradients(side: int) -> list[Pixels]:
    """Three smooth pictures, two of them coloured."""
    y, x = np.mgrid[0:side, 0:side] / side
    plain = np.stack([40 + 170 * x, 60 + 120 * y, 200 - 50 * (x + y)], 2)
    round_ = np.repeat((128 + 100 * np.cos(3 * x - 1.5) * np.cos(3 * y - 1))[:, :, None], 3, 2)
    waves = 128 + 90 * np.stack([np.sin(5 * x + y), np.sin(4 * y - x), np.sin(3 * (x + y))], 2)
    return [np.round(p).astype(np.uint8) for p in (plain, round_, waves)]


def energy(pixels: Pixels, period: int) -> tuple[float, float]:
    """Mean squared luma steps, rows plus columns: across tile lines, and across the other lines of a period."""
    luma = np.asarray(Image.fromarray(pixels).convert("L"), np.float64)
    on, off = 0.0, 0.0
    for picture in (luma, luma.T):
        steps = (np.diff(picture, axis=0) ** 2).mean(1)
        line = np.arange(1, len(steps) + 1)
        on += float(steps[line % TILE == 0].mean())
        off += float(steps[(line % period == 0) & (line % TILE != 0)].mean())
    return on, off


@pytest.mark.parametrize("scale", [4, 8, 16, 32])
@pytest.mark.parametrize("realism", [0.0, 1.0])
def test_no_grid_on_gradients(scale: int, realism: float) -> None:
    payload = "png" if scale == TILE // 2 else "av1"  # two LR pixels are a tile there: AV1's transforms end with them
    files = [codec.encode(p, scale=scale, payload=payload) for p in gradients(SIDE)]
    decoded = [codec.decode(file, realism=realism) for file in files]
    on, off = np.sum([energy(np.asarray(p), max(scale, 16)) for p in decoded], axis=0)
    assert on <= LIMIT * off


def test_a_step_of_one_level_a_tile_would_be_seen() -> None:
    plain = gradients(SIDE)[2].astype(np.int16)
    tiles = np.add.outer(np.arange(SIDE) // TILE % 2, np.arange(SIDE) // TILE % 2) % 2
    on, off = energy((plain + tiles[:, :, None]).astype(np.uint8), 16)
    assert on > LIMIT * off
