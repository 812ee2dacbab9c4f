"""Configuration of TUDSR packages: what their `config.json` holds beside the backbone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from codec.errors import ModelError
from codec.models.sd21.config import SCALES, UNET_TARGETS, AdapterConfig

#: Names of the passes: of their adapters and of their files in a package.
PASSES = ("first", "second")
#: What one pass may enlarge by, and the two of them together.
FACTORS, LARGEST_SCALE = (2, 4, 8), 64
#: What the first pass is: an adapter like the second, or a package of TADM.
FIRSTS = ("own", "tadm")
LARGEST_TIMESTEP = 999
#: t1 and t2 of the paper, and where realism 0 moves both (ours): the least noise that TADM's predictor knows.
TIMESTEPS, LEAST_TIMESTEP = (200, 50), 10
#: Rank of the paper's adapters.
RANK = 32


@dataclass(frozen=True, kw_only=True)
class TudsrConfig:
    """Everything that the family's constructors take.

    Attributes:
        split: how much each pass enlarges, (M, N) or (M,); their product is the scale. The paper has 2 x 2 and 4 x 2.
        timesteps: t of each pass that has an adapter, at realism 1.
        adapters: LoRA of the U-Net for each pass, named after it.
        first: "own", or "tadm": then M is TADM's scale, and only the second pass has an adapter.
    """

    split: tuple[int, ...]
    timesteps: tuple[int, ...] = TIMESTEPS
    adapters: tuple[AdapterConfig, ...]
    first: str = "own"
    family: str = "tudsr"

    def __post_init__(self) -> None:
        if self.family != "tudsr":
            raise ModelError(f"config: family is {self.family!r}, expected 'tudsr'")
        if self.first not in FIRSTS:
            raise ModelError(f"config: first is {self.first!r}, expected one of {', '.join(FIRSTS)}")
        check_split(self.split, tadm=self.first == "tadm")
        own = PASSES[int(self.first == "tadm") : len(self.split)]
        if len(self.timesteps) != len(own) or not all(_is_timestep(t) for t in self.timesteps):
            raise ModelError(
                f"config: timesteps are {self.timesteps!r}, expected one of {LEAST_TIMESTEP}..{LARGEST_TIMESTEP} a pass"
            )
        names = tuple(adapter.name for adapter in self.adapters)
        if names != own:
            raise ModelError(f"config: adapters are {names!r}, expected {own!r}")

    @property
    def scale(self) -> int:
        """HR/LR ratio."""
        return math.prod(self.split)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> TudsrConfig:
        """Rebuild from `to_dict`'s output, also after a trip through JSON.

        Raises:
            ModelError: a field is missing, unknown, of the wrong kind, or out of range.
        """
        try:
            made: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
            made["adapters"] = tuple(_adapter(a) for a in made["adapters"])
            return cls(**made)
        except (TypeError, AttributeError, KeyError) as exc:
            raise ModelError(f"config: {exc}") from exc


def check_split(split: object, *, tadm: bool = False) -> tuple[int, ...]:
    """How much each pass enlarges, if it says so.

    Args:
        split: what a config says.
        tadm: whether the first pass is TADM's.

    Raises:
        ModelError: not one or two of `FACTORS`, or not a scale of TADM's and one of them.
    """
    if tadm:
        if not isinstance(split, (list, tuple)) or len(split) != 2 or split[0] not in SCALES or split[1] not in FACTORS:
            raise ModelError(f"config: split is {split!r}, expected a scale of TADM's and one of {FACTORS}")
        return tuple(split)
    given = tuple(split) if isinstance(split, (list, tuple)) else ()
    if not 1 <= len(given) <= len(PASSES) or not all(type(f) is int and f in FACTORS for f in given):
        factors = ", ".join(map(str, FACTORS))
        raise ModelError(f"config: split is {split!r}, expected one factor a pass of one or two, each of {factors}")
    return given


def fresh_adapter_config(number: int, rank: int = RANK) -> AdapterConfig:
    """The adapter of a pass, counted from 0: on every layer of the U-Net that TADM's has one on. Ours: alpha = rank."""
    return AdapterConfig(rank=rank, alpha=rank, targets=UNET_TARGETS, name=PASSES[number])


def timesteps_of(timesteps: Sequence[int], realism: float, fixed: float | None = None) -> tuple[int, ...]:
    """Timestep of every pass: at realism 1 the model's own, at 0 the least; linear between, rounded (ours).

    Args:
        timesteps: of the model, one a pass.
        realism: 0..1.
        fixed: in place of the first pass's, which is the one that invents.
    """
    moved = [round(LEAST_TIMESTEP + realism * (t - LEAST_TIMESTEP)) for t in timesteps]
    return tuple(moved if fixed is None else [round(fixed), *moved[1:]])


def _is_timestep(t: object) -> bool:
    return type(t) is int and LEAST_TIMESTEP <= t <= LARGEST_TIMESTEP


def _adapter(fields: dict[str, Any]) -> AdapterConfig:
    made: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return AdapterConfig(**made)
