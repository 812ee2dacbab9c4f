"""LR pictures through the real payload inside a training step."""

import numpy as np
import torch
from PIL import Image

from codec.models.rounding import from_uint8, to_uint8
from codec.payload.av1 import Av1Payload
from codec.training.coding import LOSSLESS, QUALITIES, downscale, draw_quality, estimated_bits, through_payload


def pictures(side: int, count: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, side // 4, side // 4, 3), dtype=np.uint8)
    return np.stack([np.asarray(Image.fromarray(c).resize((side, side), Image.Resampling.BICUBIC)) for c in coarse])


def as_tensor(pixels: np.ndarray) -> torch.Tensor:
    return from_uint8(torch.from_numpy(pixels).permute(0, 3, 1, 2))


def test_what_comes_out_is_what_a_decoder_sees() -> None:
    pixels = pictures(32)
    out = through_payload(as_tensor(pixels), torch.tensor([30, 100]).view(2, 1, 1, 1) / 100)
    av1 = Av1Payload()
    want = av1.decode(av1.encode(pixels[0], quality=30, effort="fast"), width=32, height=32)
    got = to_uint8(out).permute(0, 2, 3, 1).numpy()
    assert np.array_equal(got[0], want)
    assert np.any(got[0] != pixels[0])
    assert np.array_equal(got[1], pixels[1])


def test_chroma_of_half_the_size_is_seen_too() -> None:
    pixels = as_tensor(pictures(32))
    full, half = (through_payload(pixels, torch.full((2, 1, 1, 1), 0.5), chroma) for chroma in ("444", "420"))
    luma, colour = (full - half).mean(1), (full - half) - (full - half).mean(1, keepdim=True)
    assert colour.abs().mean() > luma.abs().mean() > 0


def test_the_gradient_passes_straight_through_even_outside_the_range() -> None:
    lr = (as_tensor(pictures(16)) * 1.5).requires_grad_()
    weight = torch.randn(lr.shape)
    (through_payload(lr, torch.full((2, 1, 1, 1), 0.3)) * weight).sum().backward()
    assert lr.grad is not None
    assert torch.equal(lr.grad, weight)


def test_the_downscale_is_the_encoders() -> None:
    hr = pictures(128)
    want = [np.asarray(Image.fromarray(x).resize((32, 32), Image.Resampling.BICUBIC)) for x in hr]
    got = to_uint8(downscale(as_tensor(hr), 4)).permute(0, 2, 3, 1).numpy()
    assert np.abs(got.astype(int) - np.stack(want)).mean() < 0.2


def test_estimated_bits_follow_the_real_ones() -> None:
    pixels = pictures(64, 1)
    flat = (pixels.astype(float) * 0.3 + 90).astype(np.uint8)
    estimates, real = [], []
    for picture in (pixels, flat):
        for quality in (20, 50, 80):
            lr = as_tensor(picture)
            stored = through_payload(lr, torch.full((1, 1, 1, 1), quality / 100))
            estimates.append(float(estimated_bits(lr, stored)))
            real.append(8 * len(Av1Payload().encode(picture[0], quality=quality, effort="fast")) / 64**2)
    assert np.corrcoef(np.log(estimates), np.log(real))[0, 1] > 0.8
    for three in (estimates[:3], estimates[3:]):
        assert three == sorted(three)


def test_qualities_cover_their_range_and_lossless() -> None:
    rng = torch.Generator().manual_seed(0)
    for scale, (low, high) in QUALITIES.items():
        drawn = {round(100 * float(q)) for q in draw_quality(4000, scale, rng).flatten()}
        assert drawn - {100} == set(range(low, high + 1))
        assert (100 in drawn) == (LOSSLESS[scale] > 0)
