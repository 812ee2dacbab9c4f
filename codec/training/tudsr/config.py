"""Stages of the `tudsr` family: one TOML file -> a validated, frozen `TudsrStageConfig`."""

from __future__ import annotations

from dataclasses import dataclass

from codec.errors import InputError
from codec.models.tudsr.config import FACTORS, LARGEST_TIMESTEP, LEAST_TIMESTEP, RANK, TIMESTEPS
from codec.training.config import StageConfig, one_of
from codec.training.heads import FAKE, REAL
from codec.training.sd21.degradation import DEGRADATIONS

KINDS = ("tudsr_first", "tudsr_second")


@dataclass(frozen=True, kw_only=True)
class TudsrStageConfig(StageConfig):
    """Everything a stage needs beside its data and its starting weights; the defaults are the paper's where it says.

    Attributes:
        kind: "tudsr_first" (Algorithm 1), or "tudsr_second" (Algorithm 2, on a package of the first).
        factor: how much the stage's own pass enlarges, M or N.
        timestep: t of the pass, kept in the package; None = the paper's 200 or 50.
        chunk: R, side of what the pass is trained on. The crop is as large in the first stage, N times in the second.
        accumulate: pictures whose gradients are summed before an update; every chunk of theirs has one of its own.
        rank: of the adapter.
        features: what the discriminator's heads look at, see `codec.training.frozen.frozen_features`.
        layers: blocks of it, where it is a transformer.
        labels: of photographs (and for the generator), and of what it makes.
        edge_term: what EA-DISTS is made of, see `codec.training.edges.edge_term`. "dists" needs its weights.
        ea_dists, gan, mae: weights of the losses (Eq. 8 and 9).
        critic_rate: peak rate of the heads (the paper has one rate).
        degradation: what the LR went through, see `codec.training.sd21.degradation.degraded`.
        qualities: of the payload.
        checkpointing: recompute activations of U-Net and VAE in the backward pass: less memory, a third slower.
        held_out: squares that an evaluation looks at.
    """

    family: str = "tudsr"
    kind: str
    factor: int = 2
    timestep: int | None = None
    crop: int = 512
    chunk: int = 512
    batch: int = 1
    accumulate: int = 4
    steps: int = 5100
    rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-2
    warmup: int = 0
    schedule: str = "constant"
    ema: float = 0.0
    evaluate_steps: int = 500
    checkpoint_minutes: float = 10.0
    log_steps: int = 50
    rank: int = RANK
    features: str = "dinov3-vitb16"
    layers: tuple[int, ...] = (3, 6, 9)
    labels: tuple[float, float] = (REAL, FAKE)
    edge_term: str = "dists"
    ea_dists: float = 5.0
    gan: float = 0.5
    mae: float = 0.5
    critic_rate: float = 5e-5
    degradation: str = "payload"
    qualities: tuple[int, int] = (10, 80)
    checkpointing: bool = True
    held_out: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("kind", self.kind, KINDS)
        one_of("factor", self.factor, FACTORS)
        one_of("degradation", self.degradation, DEGRADATIONS)
        for name in ("accumulate", "rank", "held_out"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not LEAST_TIMESTEP <= self.own_timestep <= LARGEST_TIMESTEP:
            raise InputError(f"timestep is {self.timestep}, expected {LEAST_TIMESTEP}..{LARGEST_TIMESTEP}")
        if self.chunk < 64 or self.chunk % 64 or self.crop != self.chunk * self.chunks:
            raise InputError(
                f"crop is {self.crop} and chunk {self.chunk}, expected a chunk of a multiple of 64 and "
                f"{self.chunks} times that for {self.kind}"
            )
        low, high = self.qualities
        if not 0 <= low <= high <= 99:
            raise InputError(f"qualities is {self.qualities}, expected two rising numbers in 0..99")
        if len(self.labels) != 2 or not all(0 <= label <= 1 for label in self.labels):
            raise InputError(f"labels is {self.labels}, expected two numbers in 0..1")

    @property
    def number(self) -> int:
        """Of the pass that is trained, from 0."""
        return KINDS.index(self.kind)

    @property
    def own_timestep(self) -> int:
        """T of the pass that is trained."""
        return TIMESTEPS[self.number] if self.timestep is None else self.timestep

    @property
    def chunks(self) -> int:
        """Chunks along a side of a crop: 1 in the first stage, N in the second."""
        return self.factor if self.number else 1
