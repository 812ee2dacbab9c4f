"""A tiny VAE that shows something: behind a random decoder there is nothing to be faithful to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL


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
