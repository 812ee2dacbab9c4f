"""How a model does on held-out crops, in numbers and in a picture."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from codec.models.compact.latent import PixelLatent
from codec.models.compact.layers import bicubic_up
from codec.models.compact.model import CompactModel, Reconstruction
from codec.training.coding import QUALITIES, Batch, encode
from codec.training.crops import CropStore
from codec.training.losses import l1, ms_ssim
from codec.training.stages import autocast, log_tile_error, psnr


@torch.no_grad()
def evaluate(model: CompactModel, store: CropStore, scale: int, *, chroma: str, count: int = 16) -> dict[str, float]:
    """Held-out figures at a third and at two thirds of the qualities of a scale, at realism 0 and 1.

    Returns:
        `psnr_bicubic`, `psnr_z_hat` (denoiser off), and for each end of the dial `psnr_rR`, `ms_ssim_rR`, `l1_rR`;
        `rank`: Spearman correlation of the predicted timestep with the true log error a tile.
    """
    sums: dict[str, float] = {}
    predicted, true = [], []
    for share in (1 / 3, 2 / 3):
        for crops in store.fixed(count, crop=384).split(4):
            part = _coded(model, crops, scale, share, chroma)
            up = bicubic_up(part.lr, scale)
            _add(sums, "psnr_bicubic", psnr(up, part.hr))
            for realism in (0.0, 1.0):
                out = _pass(model, part, realism)
                _add(sums, f"psnr_r{realism:.0f}", psnr(out.x_hat, part.hr))
                _add(sums, f"ms_ssim_r{realism:.0f}", float(ms_ssim(out.x_hat.clamp(-1, 1), part.hr).mean()))
                _add(sums, f"l1_r{realism:.0f}", float(l1(out.x_hat, part.hr).mean()))
            _add(sums, "psnr_z_hat", psnr(PixelLatent.decode(out.z_hat), part.hr))
            predicted.append(model.predictor(scale).log_error(out.z_hat, part.quality).flatten())
            true.append(log_tile_error(out.z_hat, part.hr).flatten())
    parts = 2 * -(-count // 4)
    return {k: v / parts for k, v in sums.items()} | {"rank": spearman(torch.cat(predicted), torch.cat(true))}


@torch.no_grad()
def sample_sheet(
    model: CompactModel, store: CropStore, scales: tuple[int, ...], *, chroma: str, count: int = 4
) -> Image.Image:  # fmt: skip
    """Rows of held-out crops: original, bicubic from the LR, realism 0, 0.5, 1."""
    rows = []
    for scale in scales:
        batch = _coded(model, store.fixed(count, crop=256), scale, 0.5, chroma)
        columns = [batch.hr, bicubic_up(batch.lr, scale)]
        columns += [_pass(model, batch, realism).x_hat for realism in (0.0, 0.5, 1.0)]
        rows += [torch.cat([c[i] for c in columns], 2) for i in range(batch.hr.shape[0])]
    sheet = torch.cat(rows, 1).float().clamp(-1, 1).add(1).mul(127.5).round().byte()
    return Image.fromarray(np.ascontiguousarray(sheet.permute(1, 2, 0).cpu().numpy()))


def spearman(a: Tensor, b: Tensor) -> float:
    """Rank correlation of two equally long vectors, -1..1."""
    ra, rb = (x.float().argsort().argsort().double() for x in (a, b))
    return float(torch.corrcoef(torch.stack([ra, rb]))[0, 1])


def _pass(model: CompactModel, batch: Batch, realism: float) -> Reconstruction:
    b, _, h, w = batch.hr.shape
    device = batch.hr.device
    noise = torch.randn(b, 1, h, w, generator=torch.Generator().manual_seed(1)).to(device)
    dial = torch.full((b, 1, 1, 1), realism, device=device)
    with autocast(device):
        out: Reconstruction = model(batch.lr, batch.quality, batch.scale, dial, noise)
    return Reconstruction(z_hat=out.z_hat.float(), t=out.t.float(), x_hat=out.x_hat.float())


def _coded(model: CompactModel, hr: Tensor, scale: int, share: float, chroma: str) -> Batch:
    """Crops at the quality that lies so far between the coarsest and the finest of the scale."""
    low, high = QUALITIES[scale]
    quality = torch.full((hr.shape[0], 1, 1, 1), round(low + share * (high - low)) / 100)
    with autocast(hr.device):
        return encode(model, hr, quality, scale, chroma)


def _add(sums: dict[str, float], key: str, value: float) -> None:
    sums[key] = sums.get(key, 0.0) + value
