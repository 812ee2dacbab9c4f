"""Pictures through the real payload: in a training step (forward as stored, backward straight on), or beforehand."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.arrays import PixelArray
from codec.models.rounding import from_uint8, to_uint8
from codec.payload.av1 import Av1Payload

#: Qualities of the AV1 payload seen in training, a scale; smaller LR pictures need finer coding at the same rate.
QUALITIES = {1: (1, 50), 2: (3, 70), 4: (6, 82), 8: (8, 92), 16: (10, 98), 32: (14, 98)}
#: Share of pictures coded without loss, a scale.
LOSSLESS = {1: 0.0, 2: 0.02, 4: 0.04, 8: 0.1, 16: 0.2, 32: 0.25}
#: BT.601, full range, as in the payload; chroma about zero.
_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))

#: What an encoder adds to the downscale: HR, quality and downscale -> LR, all as in a training step.
Write = Callable[[Tensor, Tensor, Tensor], Tensor]


def draw_quality(batch: int, scale: int, rng: torch.Generator) -> Tensor:
    """Random payload qualities / 100, float [batch, 1, 1, 1]; the coarse end as often as the fine one."""
    low, high = QUALITIES[scale]
    quality = torch.randint(low, high + 1, (batch,), generator=rng).float() / 100
    lossless = torch.rand(batch, generator=rng) < LOSSLESS[scale]
    return torch.where(lossless, 1.0, quality).view(-1, 1, 1, 1)


def downscale(hr: Tensor, scale: int) -> Tensor:
    """What the encoder gives the writer: antialiased bicubic (a = -0.5), rounded to 8 bits; float in [-1, 1]."""
    if scale == 1:
        return hr
    lr = F.interpolate(hr, scale_factor=1 / scale, mode="bicubic", antialias=True)
    return from_uint8(to_uint8(lr))


def through_payload(lr: Tensor, quality: Tensor, chroma: str = "auto") -> Tensor:
    """LR as a decoder sees it; the gradient passes as if nothing had happened.

    Args:
        lr: float [B, 3, h, w], nominally in [-1, 1]: what lies outside is cut off, though not for the gradient.
        quality: float [B, 1, 1, 1], AV1 quality / 100; 1 = lossless.
        chroma: "444", "420" or "auto".

    Returns:
        Float [B, 3, h, w] in [-1, 1].
    """
    pictures = to_uint8(lr.detach()).permute(0, 2, 3, 1).cpu().numpy()
    qualities = [round(100 * float(q)) for q in quality.flatten()]
    coded = np.stack(list(_pool().map(partial(_through_av1, chroma=chroma), pictures, qualities)))
    stored = from_uint8(torch.from_numpy(coded).permute(0, 3, 1, 2)).to(lr.device)
    return lr + (stored - lr).detach()


def code_store(
    store: Path, scale: int, count: int, *, write: Write | None = None, chroma: str = "auto", seed: int = 0,
    on_progress: Callable[[int], None] = lambda _: None,
) -> None:  # fmt: skip
    """Code the LR of every square of a crop store once, at `count` qualities each: what `CodedPairs` reads.

    `lr<scale>_<side>.npy` uint8 [N, count, h, w, 3] and `quality<scale>_<side>.npy` uint8 [N, count], 100 = lossless;
    the same with `holdout_` in front, at evenly spaced qualities instead of random ones.

    Args:
        store: crop store.
        scale: HR/LR ratio.
        count: qualities a square.
        write: makes the LR that an encoder with a writer would store; None = the plain downscale.
        chroma: of the payload.
        seed: of the random qualities.
        on_progress: called with the number of squares done.
    """
    rng, done = torch.Generator().manual_seed(seed), 0
    low, high = QUALITIES[scale]
    for path in sorted(store.glob("*hr_*.npy")):
        squares, held_out = np.load(path, mmap_mode="r", allow_pickle=False), path.name.startswith("holdout")
        side = squares.shape[1] // scale
        pictures = np.empty((len(squares), count, side, side, 3), np.uint8)
        even = torch.linspace(low + (high - low) / 4, high - (high - low) / 4, count).round() / 100
        qualities = np.empty((len(squares), count), np.uint8)
        for i in range(len(squares)):
            quality = even.view(-1, 1, 1, 1) if held_out else draw_quality(count, scale, rng)
            hr = from_uint8(torch.from_numpy(squares[i].copy())).permute(2, 0, 1)[None]
            lr = downscale(hr, scale).expand(count, -1, -1, -1)
            if write is not None:
                lr = write(hr.expand(count, -1, -1, -1), quality, lr)
            pictures[i] = to_uint8(through_payload(lr, quality, chroma)).permute(0, 2, 3, 1).numpy()
            qualities[i] = (quality.flatten() * 100).round().byte().numpy()
            done += 1
            on_progress(done)
        np.save(path.with_name(path.name.replace("hr_", f"lr{scale}_")), pictures)
        np.save(path.with_name(path.name.replace("hr_", f"quality{scale}_")), qualities)


def estimated_bits(lr: Tensor, stored: Tensor) -> Tensor:
    """About how many bits an LR pixel costs, float [B]: logarithms of 8x8 DCT coefficients in steps of the coder.

    The step is taken from the error that the coder really made, and is at least one grey level. Good for comparing an
    LR with another one of the same scene and quality, no more.
    """
    step = (math.sqrt(12) * (stored - lr).detach().pow(2).mean((1, 2, 3)).sqrt()).clamp_min(2 / 255)
    lr = F.pad(lr, (0, -lr.shape[-1] % 8, 0, -lr.shape[-2] % 8), mode="replicate")
    b, _, h, w = lr.shape
    ycc = torch.einsum("oc,bchw->bohw", lr.new_tensor(_YCC), lr)
    blocks = ycc.reshape(b, 3, h // 8, 8, w // 8, 8)
    dct = _dct().to(lr.device)
    coefficients = torch.einsum("ui,vj,bcyixj->bcyuxv", dct, dct, blocks)
    return 3 * torch.log2(1 + coefficients.abs() / step.view(b, 1, 1, 1, 1, 1)).mean((1, 2, 3, 4, 5))


def _through_av1(picture: PixelArray, quality: int, *, chroma: str) -> PixelArray:
    if quality == 100:
        return picture
    av1, (h, w) = Av1Payload(), picture.shape[:2]
    data = av1.encode(np.ascontiguousarray(picture), quality=quality, effort="fast", chroma=chroma)
    return av1.decode(data, width=w, height=h)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor()


@cache
def _dct() -> Tensor:
    """Orthonormal DCT-II of eight samples, float [8, 8], a basis vector a row."""
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)
    basis = torch.cos(math.pi / 8 * (n + 0.5) * k) / 2
    basis[0] /= math.sqrt(2)
    return basis
