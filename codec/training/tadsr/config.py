"""Stages of the `tadsr` family: one TOML file -> a validated, frozen `TadsrStageConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field

from codec.errors import InputError
from codec.models.tadsr.config import ENCODERS, LARGEST_TIMESTEP, ONE_STEPS, SCALES
from codec.training.config import StageConfig, one_of
from codec.training.sd21.degradation import DEGRADATIONS
from codec.training.tadsr.blurred import SIGMA
from codec.training.tadsr.tavsd import WEIGHTS


@dataclass(frozen=True, kw_only=True)
class TadsrStageConfig(StageConfig):
    """Everything the stage needs beside its data and its starting weights; the defaults are the paper's, or where it is
    silent the release's.

    Attributes:
        kind: "tadsr".
        scale: HR/LR ratio.
        accumulate: batches whose gradients are summed before a step.
        rank, fake_rank: widths of the student's adapters and of the fake score's.
        one_step: "residual" or "epsilon", see `codec.models.sd21.one_step`.
        encoder: "time_aware", or "plain" (ablation).
        t_s: smallest and largest timestep of the student.
        t_s_values: 0 = any whole number between; 50 = as many evenly spaced ones, as in the release.
        slope, offset: lambda and gamma of Eq. 5.
        teacher_t: "coupled" (Eq. 5), or "random" in 20..979: plain VSD (ablation).
        guidance, guidance_slope: g = guidance + guidance_slope * t_v.
        weight: "normalised", "x0" or "eps", see `codec.training.tadsr.tavsd.tavsd_loss`.
        blur: "by_timestep" (Eq. 7), or "none" (ablation).
        blur_sigma: at t = 0, and what a timestep adds.
        mse, tavsd, diffusion: weights of the losses.
        perceptual: name -> weight of perceptual terms, see `codec.training.perceptual`. The paper's lpips-vgg 1, the
            release's 2; its weights have to be on the machine, so that the default is none.
        degradation: what the LR went through: "payload" (default: the downscale, coded as a decoder meets it),
            "bicubic", or "realesrgan" (for the paper's tables).
        qualities: of the payload.
        dial: timesteps of realism 0 and 1, kept in the package.
        checkpointing: recompute activations of the U-Nets in the backward pass: less memory, a third slower.
        held_out: squares that an evaluation looks at.
    """

    family: str = "tadsr"
    kind: str = "tadsr"
    scale: int = 4
    crop: int = 512
    batch: int = 24
    accumulate: int = 1
    steps: int = 2000
    rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-2
    warmup: int = 0
    schedule: str = "constant"
    ema: float = 0.0
    evaluate_steps: int = 500
    checkpoint_minutes: float = 10.0
    log_steps: int = 50
    rank: int = 4
    fake_rank: int = 4
    one_step: str = "residual"
    encoder: str = "time_aware"
    t_s: tuple[int, int] = (0, LARGEST_TIMESTEP)
    t_s_values: int = 0
    slope: float = 0.5
    offset: float = 0.0
    teacher_t: str = "coupled"
    guidance: float = 7.5
    guidance_slope: float = 0.005
    weight: str = "normalised"
    blur: str = "by_timestep"
    blur_sigma: tuple[float, float] = SIGMA
    mse: float = 1.0
    tavsd: float = 1.0
    diffusion: float = 1.0
    perceptual: dict[str, float] = field(default_factory=dict)
    degradation: str = "payload"
    qualities: tuple[int, int] = (10, 80)
    dial: tuple[int, int] = (100, 500)
    checkpointing: bool = True
    held_out: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("kind", self.kind, ("tadsr",))
        one_of("scale", self.scale, SCALES)
        one_of("one_step", self.one_step, ONE_STEPS)
        one_of("encoder", self.encoder, ENCODERS)
        one_of("teacher_t", self.teacher_t, ("coupled", "random"))
        one_of("weight", self.weight, WEIGHTS)
        one_of("blur", self.blur, ("by_timestep", "none"))
        one_of("degradation", self.degradation, DEGRADATIONS)
        for name in ("accumulate", "rank", "fake_rank", "held_out"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, expected at least 1")
        for name, top in (("t_s", LARGEST_TIMESTEP), ("dial", LARGEST_TIMESTEP), ("qualities", 99)):
            low, high = getattr(self, name)
            if not 0 <= low <= high <= top:
                raise InputError(f"{name} is {getattr(self, name)}, expected two rising numbers in 0..{top}")
