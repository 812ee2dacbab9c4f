import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from codec.tiling.noise import noise

GOLDEN_ORIGIN = [[654, 500, 628], [792, 343, 331]]
GOLDEN_FAR = [[582, 436]]


def test_known_values() -> None:
    """Golden: these numbers are part of the format (see format_spec.md, Noise)."""
    sums = np.round(noise(0, 0, 3, 2, seed=0) * np.float32(21845.0**0.5) + 510).astype(int)
    far = np.round(noise(70000, 123456, 2, 1, seed=2**32 - 1) * np.float32(21845.0**0.5) + 510).astype(int)
    assert (sums.tolist(), far.tolist()) == (GOLDEN_ORIGIN, GOLDEN_FAR)


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_a_pixel_depends_on_its_position_only(x: int, y: int, width: int, height: int, seed: int) -> None:
    whole = noise(0, y, x + width, height, seed)
    assert np.array_equal(noise(x, y, width, height, seed), whole[:, x:])


def test_moments_and_no_pattern() -> None:
    n = noise(0, 0, 512, 512).astype(np.float64)
    assert abs(n.mean()) < 0.01
    assert abs(n.std() - 1) < 0.01
    for dy, dx in ((0, 1), (1, 0), (1, 1), (0, 2), (4, 4)):
        assert abs((n[: 512 - dy, : 512 - dx] * n[dy:, dx:]).mean()) < 0.01
    assert (np.abs(np.fft.fft2(n)) ** 2 / n.size).max() < 20  # white: the largest of 2^18 is about 12.5


def test_seeds_differ() -> None:
    a, b = noise(0, 0, 64, 64, seed=0), noise(0, 0, 64, 64, seed=1)
    assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.05
