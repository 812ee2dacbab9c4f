"""One TOML file a stage of the `sd21` family -> a validated, frozen `LatentStageConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from codec.errors import InputError
from codec.options import SCALES
from codec.training.config import read_stage

KINDS = ("rescaler", "enhancement", "joint")
_NORMS = ("l1", "l2")


@dataclass(frozen=True, kw_only=True)
class LatentStageConfig:
    """Everything a stage needs beside its data and its starting weights.

    Attributes:
        kind: "rescaler" (DFRM, Eq. 8 of TADM), "enhancement" (LoRA, predictor, time scheduler, Eq. 11), or "joint"
            (all of them, both losses).
        scale: HR/LR ratio.
        crop: side of a training crop in HR pixels, a multiple of 64.
        batch: crops a step and process.
        accumulate: batches whose gradients are summed before a step.
        steps: optimiser steps of the whole stage; the rate is constant after the warm-up, as published.
        rate: learning rate of AdamW.
        betas: AdamW's two decay rates.
        warmup: steps of linear warm-up.
        clip: largest norm of the gradient.
        norm: of the reconstruction, guidance and pixel losses: "l1" as the paper has it, "l2" as the release does.
        rec, guide: lambda_rec and lambda_gui of Eq. 8.
        pixel: weight of the pixel loss of Eq. 11.
        perceptual: name -> weight of the perceptual terms of Eq. 11, see `codec.training.perceptual`.
        payload: what the LR goes through: "png" (rounding) or "av1" at a random quality of `qualities`.
        qualities: lowest and highest.
        checkpointing: recompute activations of U-Net and VAE decoder in the backward pass: less memory, a third slower.
        unet_rank, vae_rank: widths of the adapters of a run that starts from the backbone alone.
        seed: of every random draw.
        checkpoint_minutes: time between checkpoints.
        log_steps: steps between lines of the log.
    """

    kind: str
    scale: int
    crop: int = 448
    batch: int = 4
    accumulate: int = 1
    steps: int = 40_000
    rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.999)
    warmup: int = 500
    clip: float = 1.0
    norm: str = "l1"
    rec: float = 1.0
    guide: float = 3.0
    pixel: float = 2.0
    perceptual: dict[str, float] = field(default_factory=dict)
    payload: str = "png"
    qualities: tuple[int, int] = (30, 95)
    checkpointing: bool = True
    unet_rank: int = 48
    vae_rank: int = 16
    seed: int = 0
    checkpoint_minutes: float = 10.0
    log_steps: int = 100

    def __post_init__(self) -> None:
        for name, allowed in (("kind", KINDS), ("scale", SCALES), ("norm", _NORMS), ("payload", ("png", "av1"))):
            if getattr(self, name) not in allowed:
                expected = ", ".join(map(str, allowed))
                raise InputError(f"{name} is {getattr(self, name)!r}, expected one of {expected}")
        if self.crop < 64 or self.crop % 64:
            raise InputError(f"crop is {self.crop}, expected a multiple of 64")
        for name in ("batch", "accumulate", "steps", "log_steps", "unet_rank", "vae_rank"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not 0 <= self.qualities[0] <= self.qualities[1] <= 99:
            raise InputError(f"qualities are {self.qualities}, expected two of 0..99 in order")


def load_latent_stage(path: Path, **overrides: Any) -> LatentStageConfig:  # noqa: ANN401 - values of any TOML type
    """Read a stage file; `overrides` replace single values.

    Raises:
        InputError: not TOML, an unknown key, or a value out of range.
    """
    values = read_stage(path, {f.name for f in fields(LatentStageConfig)}, overrides)
    try:
        return LatentStageConfig(**values)
    except TypeError as exc:
        raise InputError(f"{path}: {exc}") from exc
