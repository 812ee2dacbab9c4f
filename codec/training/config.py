"""One TOML file a stage -> a validated, frozen `StageConfig`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from codec.errors import InputError
from codec.options import CHROMA

KINDS = ("fidelity", "realism")


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """Everything a stage needs beside its data and its starting weights.

    Attributes:
        kind: "fidelity" (regression at realism 0) or "realism" (the whole dial, adversarial).
        train: names of the parts whose weights move, see `CompactModel.parts`.
        scales: scale -> probability of drawing it for a batch.
        crop: side of a training crop in HR pixels, a multiple of 64.
        batch: crops a step and process.
        steps: optimiser steps of the whole stage; the rate follows a cosine over them.
        rate: peak learning rate of AdamW.
        betas: AdamW's two decay rates.
        warmup: steps of linear warm-up.
        ema: decay of the running mean of weights that is evaluated and shipped.
        l1, ms_ssim, colour, z_hat: weights of the fidelity losses (z_hat: L1 of the reader's own output).
        chroma: of the AV1 payload: "444", "420" or "auto".
        lr_guide: weight of the squared residual of LR writers: keeps the LR a picture. Squared, since under an absolute
            penalty the residual stays at zero.
        lr_bits: weight of the natural logarithm of the LR's estimated bits, where an LR writer is trained: quality
            grows about with the logarithm of the rate, so that one weight fits all rates.
        log_errors: scale -> the predicted log2 errors that map to t = 10 and t = 200, for predictors that are trained.
        perceptual: name -> weight of perceptual terms, see `codec.training.perceptual`; at full weight where the
            timestep is high, none at timestep 0.
        fidelity_release: how far full timestep lowers the weight of luma and structure (1 - release * t / 200).
        chroma_release: the same for what luma leaves; smaller, since invented colour shows as speckle.
        adversarial, feature: weights of hinge and feature-matching losses, a discriminator scale.
        discriminator_width: channels of its first layer.
        discriminator_rate: peak learning rate of the discriminator.
        seed: of every random draw.
        checkpoint_minutes: time between checkpoints.
        evaluate_steps: steps between held-out evaluations and sample sheets.
    """

    kind: str
    train: tuple[str, ...]
    scales: dict[int, float]
    crop: int = 128
    batch: int = 12
    steps: int = 10_000
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    warmup: int = 200
    ema: float = 0.999
    l1: float = 1.0
    ms_ssim: float = 0.2
    colour: float = 0.5
    z_hat: float = 0.25
    chroma: str = "auto"
    lr_guide: float = 3.0
    lr_bits: float = 0.0
    log_errors: dict[int, tuple[float, float]] = field(default_factory=dict)
    perceptual: dict[str, float] = field(default_factory=dict)
    fidelity_release: float = 0.85
    chroma_release: float = 0.5
    adversarial: float = 0.004
    feature: float = 0.008
    discriminator_width: int = 32
    discriminator_rate: float = 4e-4
    seed: int = 0
    checkpoint_minutes: float = 5.0
    evaluate_steps: int = 2000
    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind is {self.kind!r}, expected one of {', '.join(KINDS)}")
        if self.chroma not in CHROMA:
            raise InputError(f"chroma is {self.chroma!r}, expected one of {', '.join(CHROMA)}")
        if self.crop < 64 or self.crop % 64:
            raise InputError(f"crop is {self.crop}, expected a multiple of 64")
        if not self.scales or abs(sum(self.scales.values()) - 1) > 1e-6:
            raise InputError(f"scales: probabilities are {self.scales}, they must add up to 1")
        untold = [s for s in self.scales if f"predictor{s}" in self.train and s not in self.log_errors]
        if untold:
            raise InputError(f"log_errors: nothing for scale {untold[0]}, whose predictor is trained")
        for low, high in self.log_errors.values():
            if not low < high:
                raise InputError(f"log_errors: {low:g} is not below {high:g}")
        for name in ("batch", "steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, expected at least 1")


def load_stage(path: Path, **overrides: Any) -> StageConfig:  # noqa: ANN401 - values of any TOML type
    """Read a stage file; `overrides` replace single values.

    Raises:
        InputError: not TOML, an unknown key, or a value out of range.
    """
    values = read_stage(path, {f.name for f in fields(StageConfig)}, overrides)
    if "scales" in values:
        values["scales"] = {int(k): float(v) for k, v in values["scales"].items()}
    if "log_errors" in values:
        values["log_errors"] = {int(k): tuple(v) for k, v in values["log_errors"].items()}
    return StageConfig(**values)


def read_stage(path: Path, known: set[str], overrides: dict[str, Any]) -> dict[str, Any]:
    """The values of a TOML file, some replaced, lists as tuples.

    Raises:
        InputError: not TOML, or a key that is not known.
    """
    try:
        values = tomllib.loads(path.read_text()) | overrides
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: not a TOML file ({exc})") from exc
    unknown = set(values) - known
    if unknown:
        raise InputError(f"{path}: unknown keys {', '.join(sorted(unknown))}")
    return {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
