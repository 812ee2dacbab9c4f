"""One TOML file a stage: what stages of all families have in common, and reading such a file."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from codec.errors import InputError

SCHEDULES = ("cosine", "constant")


@dataclass(frozen=True, kw_only=True)
class StageConfig:
    """What every stage needs beside its data and its starting weights; each family adds its own.

    Attributes:
        family: "compact", "sd21", "tadsr" or "tudsr".
        kind: which stage, see the families' own configs.
        crop: side of a training crop in HR pixels, a multiple of 64.
        batch: crops a step and process.
        steps: optimiser steps of the whole stage.
        rate: peak learning rate.
        betas: AdamW's two decay rates.
        weight_decay: of AdamW.
        warmup: steps of linear warm-up.
        schedule: of the rate after it: "cosine" (half a wave down to 2%) or "constant".
        clip: largest norm of a gradient.
        ema: decay of the running mean of weights that is evaluated and kept; 0 = the weights themselves.
        seed: of every random draw.
        checkpoint_minutes: time between checkpoints.
        log_steps: steps between lines of the log.
        evaluate_steps: steps between held-out evaluations; 0 = none.
    """

    kind: str
    family: str = "compact"
    crop: int = 128
    batch: int = 16
    steps: int = 10_000
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 1e-4
    warmup: int = 200
    schedule: str = "cosine"
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    checkpoint_minutes: float = 5.0
    log_steps: int = 200
    evaluate_steps: int = 2000

    def __post_init__(self) -> None:
        one_of("schedule", self.schedule, SCHEDULES)
        if self.crop < 64 or self.crop % 64:
            raise InputError(f"crop is {self.crop}, expected a multiple of 64")
        for name in ("batch", "steps", "log_steps"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, expected at least 1")

    @classmethod
    def from_file(cls, path: Path, **overrides: Any) -> Self:  # noqa: ANN401 - values of any TOML type
        """Read a stage file; `overrides` replace single values.

        Raises:
            InputError: not TOML, an unknown or missing key, or a value out of range.
        """
        values = read_toml(path) | overrides
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise InputError(f"{path}: unknown keys {', '.join(sorted(unknown))}")
        try:
            plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
            return cls(**plain)
        except TypeError as exc:
            raise InputError(f"{path}: {exc}") from exc


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file.

    Raises:
        InputError: it is none.
    """
    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise InputError(f"{path}: not a TOML file ({exc})") from exc


def one_of(name: str, value: object, allowed: Collection[object]) -> None:
    """Raises:
    InputError: the value is not among those allowed.
    """
    if value not in allowed:
        raise InputError(f"{name} is {value!r}, expected one of {', '.join(map(str, allowed))}")
