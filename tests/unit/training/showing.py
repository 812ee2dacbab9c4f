"""A tiny VAE that shows something: behind a random decoder there is nothing to be faithful to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch.nn.functional import interpolate


def learn_to_show(folder: Path, squares: np.ndarray) -> None:
    torch.manual_seed(0)
    vae = AutoencoderKL.from_pretrained(str(folder), torch_dtype=torch.float32)
    optimizer = torch.optim.Adam(vae.parameters(), 3e-3)
    pictures = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 127.5 - 1
    for _ in range(400):
        y, x = (8 * int(n) for n in torch.randint(9, (2,)))
        crops = pictures[torch.randint(len(pictures), (3,)), :, y : y + 64, x : x + 64]
        shown = vae.decode(vae.encode(crops).latent_dist.mode()).sample
        optimizer.zero_grad()
        (shown - crops).square().mean().backward()
        optimizer.step()
    vae.save_pretrained(folder)


def octaves(count: int, seed: int = 0) -> np.ndarray:
    """Pictures that look alike at full and at half size, uint8 [count, 128, 128, 3]: a second pass sees both."""
    rng = np.random.default_rng(seed)
    made = np.zeros((count, 128, 128, 3))
    for picture in made:
        for side, share in ((4, 0.5), (8, 0.35), (16, 0.2)):
            rough = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
            picture += share * (np.asarray(rough.resize((128, 128), Image.Resampling.BICUBIC)).astype(float) - 128)
    return np.clip(128 + made, 0, 255).astype(np.uint8)


def learn_to_show_both_sizes(folder: Path, squares: np.ndarray, steps: int = 800) -> None:
    """`learn_to_show`, on crops of the squares and on the squares at half size."""
    torch.manual_seed(0)
    vae = AutoencoderKL.from_pretrained(str(folder), torch_dtype=torch.float32)
    optimizer = torch.optim.Adam(vae.parameters(), 3e-3)
    full = torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 127.5 - 1
    half = interpolate(full, scale_factor=0.5, mode="bicubic", antialias=True).clamp(-1, 1)
    for step in range(steps):
        y, x = (8 * int(n) for n in torch.randint(9, (2,)))
        chosen = torch.randint(len(full), (3,))
        crops = half[chosen] if step % 3 == 2 else full[chosen, :, y : y + 64, x : x + 64]
        shown = vae.decode(vae.encode(crops).latent_dist.mode()).sample
        optimizer.zero_grad()
        (shown - crops).square().mean().backward()
        optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] = 3e-3 * (1 - 0.98 * step / steps)
    vae.save_pretrained(folder)
