"""Fig. 3 of TADM on the latent of Stable Diffusion, as in the paper: what rescaling does to it, against diffusion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.errors import BenchError
from bench.photos import Photo
from codec.models.device import resolve_device
from codec.models.package import open_package
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.encoding import extend
from codec.models.sd21.geometry import LATENT_HR_MULTIPLE, denoiser_plan
from codec.models.sd21.package import load_package, package_backbone, package_config
from codec.models.sd21.tiles import tile_batches

Floats = npt.NDArray[np.float64]


def latent_errors(packages: list[Path], photos: list[Photo], device: str) -> dict[str, Any]:
    """Mean squares of z_hat - z, both times the VAE's scaling factor, by package, with a lossless LR.

    Args:
        packages: of the `sd21` family.
        photos: pictures; padded to multiples of 64 as for encoding.
        device: where to run, in float32.

    Returns:
        JSON-ready, as `bench.figures.timesteps.rescaling_errors`, with `alphas`: the backbone's abar(t), t = 0..999.
        A tile is one of the denoiser's.

    Raises:
        BenchError: a package is of another family.
    """
    where, energies = resolve_device(device), list[float]()
    found: dict[str, Any] = {"scales": []}
    for folder in packages:
        family = open_package(folder).family.name
        if family != "sd21":
            raise BenchError(f"{folder}: a package of the family {family}, expected sd21")
    for folder in packages:
        pipeline = load_package(folder).to(where)
        errors, tiles, timesteps = list[float](), list[float](), list[float]()
        for photo in photos:
            x = from_uint8(torch.from_numpy(photo.pixels.copy()).permute(2, 0, 1)[None]).to(where)
            sides = (-(-n // LATENT_HR_MULTIPLE) * LATENT_HR_MULTIPLE for n in x.shape[2:])
            x = extend(x, *sides)
            with torch.no_grad():
                z = pipeline.latent_codec.encode(x)
                z_hat = pipeline.read(from_uint8(to_uint8(pipeline.encode_padded(x))))
            plan = denoiser_plan(z.shape[2], z.shape[3])
            square = (z_hat * pipeline.latent_codec.scaling_factor - z).square()
            energies.append(float(z.square().mean()))
            errors.append(float(square.mean()))
            tiles += [float(tile.mean()) for tile, _, _ in tile_batches(square, plan, 1)]
            timesteps += pipeline.predict(z_hat, plan).flatten().tolist()
        scale = pipeline.scale
        found["alphas"] = _alphas(folder)
        found["scales"].append(
            {"label": f"{scale}x PNG", "scale": scale, "error": float(np.mean(errors)), "tiles": tiles,
             "timesteps": timesteps}
        )  # fmt: skip
    return found | {"energy": float(np.mean(energies))}


def _alphas(folder: Path) -> list[float]:
    from codec.models.sd21.backbone import load_backbone

    prediction = package_config(folder).conventions.prediction
    return [float(a) for a in load_backbone(package_backbone(folder), prediction).alphas_cumprod.double()]
