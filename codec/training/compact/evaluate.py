"""How a compact model does on held-out squares, in numbers and in a picture."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from codec.models.compact.layers import bicubic_up
from codec.models.compact.v2.config import LATENT_FACTOR
from codec.models.compact.v2.denoiser import MAX_TIMESTEP
from codec.models.compact.v2.model import CompactModel
from codec.training.crops import CodedPairs
from codec.training.losses import ms_ssim, psnr


@torch.no_grad()
def evaluate(model: CompactModel, held_out: CodedPairs, count: int = 16) -> list[dict[str, float]]:
    """Held-out figures, a row a quality: `quality`, and for each end of the dial that the model has `psnr_rR` and
    `ms_ssim_rR` (box windows, as in training); `psnr_bicubic`.
    """
    rows = []
    for which in range(held_out.qualities):
        hr, lr, quality = held_out.fixed(count, which)
        row = {
            "scale": float(held_out.scale),
            "quality": 100 * float(quality.mean()),
            "psnr_bicubic": _mean_psnr(_enlarged(lr, held_out.scale), hr),
        }
        for realism in ends(model, held_out.scale):
            x_hat = torch.cat([rebuilt(model, a, q, held_out.scale, realism) for a, q in _batches(lr, quality)])
            row[f"psnr_r{realism:.0f}"] = _mean_psnr(x_hat, hr)
            row[f"ms_ssim_r{realism:.0f}"] = float(ms_ssim(x_hat.clamp(-1, 1), hr).mean())
        rows.append(row)
    return rows


@torch.no_grad()
def sample_sheet(model: CompactModel, held_out: CodedPairs, count: int = 4, side: int = 256) -> Image.Image:
    """Rows of held-out squares: original, bicubic from the LR, and the ends of the dial."""
    hr, lr, quality = held_out.fixed(count, held_out.qualities // 2)
    columns = [hr, _enlarged(lr, held_out.scale)]
    columns += [rebuilt(model, lr, quality, held_out.scale, realism) for realism in ends(model, held_out.scale)]
    rows = [torch.cat([column[i, :, :side, :side] for column in columns], 2) for i in range(hr.shape[0])]
    sheet = torch.cat(rows, 1).float().clamp(-1, 1).add(1).mul(127.5).round().byte()
    return Image.fromarray(np.ascontiguousarray(sheet.permute(1, 2, 0).cpu().numpy()))


def rebuilt(model: CompactModel, lr: Tensor, quality: Tensor, scale: int, realism: float) -> Tensor:
    """Pictures of a batch of LR pictures with one timestep everywhere, realism * 200; float [B, 3, H, W]. Their noise
    is always the same.
    """
    b, _, h, w = lr.shape
    cells = (h * scale // LATENT_FACTOR, w * scale // LATENT_FACTOR)
    t = lr.new_full((b, 1, *cells), MAX_TIMESTEP * realism) if realism else None
    noise = torch.randn(1, 1, h * scale, w * scale, generator=torch.Generator().manual_seed(0)).to(lr)
    out: Tensor = model(lr, quality, scale, t, noise.expand(b, -1, -1, -1))
    return out.float()


def ends(model: CompactModel, scale: int) -> tuple[float, ...]:
    """The ends of the dial that a model has at a scale."""
    return (0.0, 1.0) if scale in model.config.denoisers else (0.0,)


def _enlarged(lr: Tensor, scale: int) -> Tensor:
    return bicubic_up(lr, scale) if scale > 1 else lr


def _mean_psnr(x_hat: Tensor, hr: Tensor) -> float:
    return sum(psnr(a, b) for a, b in zip(x_hat, hr, strict=True)) / len(hr)


def _batches(lr: Tensor, quality: Tensor) -> list[tuple[Tensor, Tensor]]:
    return list(zip(lr.split(4), quality.split(4), strict=True))
