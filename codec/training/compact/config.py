"""Stages of the compact family: one TOML file -> a validated, frozen `CompactStageConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from codec.errors import InputError
from codec.models.compact.v2.config import SCALES
from codec.options import CHROMA
from codec.training.config import StageConfig, one_of

KINDS = ("reader", "rescaler", "texture")
OPTIMIZERS = ("adamw", "muon")


@dataclass(frozen=True, kw_only=True)
class CompactStageConfig(StageConfig):
    """Everything a stage needs beside its data and its starting weights.

    Attributes:
        kind: "reader" (regression from LR pictures coded beforehand), "rescaler" (LR writer and reader together, the
            payload in the loop), or "texture" (the denoiser on a frozen reader, adversarial).
        scale: HR/LR ratio.
        also: further scales of the texture stage, in turn with `scale`: the denoiser is one for all. A scale named
            twice has two turns.
        from_scale: begin with the weights that the package to start from has for this scale, where they fit; parts it
            has for `scale` itself come before them. None = from those alone.
        optimizer: "adamw", or "muon": inner convolutions by Muon, everything else by AdamW.
        muon_rate: peak rate of Muon.
        chroma: of the AV1 payload: "444", "420" or "auto".
        l1, ms_ssim, means: weights of the fidelity losses; means: L1 of means over 4 to 32 pixels.
        lr_guide: weight of the squared residual of the LR writer: keeps the LR a picture. Squared, since under an
            absolute penalty the residual stays at zero.
        lr_bits: weight of the natural logarithm of the LR's estimated bits: quality grows about with the logarithm of
            the rate, so that one weight fits all rates.
        chroma_l1: weight of the L1 of what luma leaves, in the texture stage.
        smooth_l1: weight of the L1 where the photograph is smooth, in the texture stage: there nothing is to be
            invented, and what the critics say does not count.
        phases: weight of the L1 of what is periodic like the pixel shuffle, in the texture stage.
        mesh: weight of the L1 of roughness that is periodic like it, over the photograph's, in the texture stage.
        stipple: weight of chequerboard beyond what the photograph has, in the texture stage.
        artifacts: weight of errors that are bold and larger than the reader's, in the texture stage.
        features: weight of the feature distance, see `codec.training.features`.
        directions: weight, within it, of directions of features beside their differences.
        feature_levels: blocks of the frozen network that are compared, 1..4.
        window: side of the random window of a crop in which features are compared.
        windows: how many crops of a batch have one, None = all: features cost as much as everything else together.
        adversarial: weight of what the critic says. It counts where the photograph has detail, so that smooth places
            stay smooth.
        levels: how much each level of the critic counts in it, from the finest to the coarsest.
        heads: weight of a second critic, which counts in the same places: heads on the frozen features (TUDSR's), see
            `codec.training.heads`.
        critic_rate: peak rate of the critic, and of the heads.
        critic_width: channels of its first layer.
        critic_warmup: steps over which the adversarial loss comes in.
        full_strength: share of crops at timestep 200; the others are spread evenly over the dial.
        model: constructor arguments of the model beside its scales.
    """

    scale: int
    also: tuple[int, ...] = ()
    from_scale: int | None = None
    optimizer: str = "adamw"
    muon_rate: float = 0.02
    chroma: str = "auto"
    l1: float = 1.0
    ms_ssim: float = 0.5
    means: float = 0.25
    lr_guide: float = 20.0
    lr_bits: float = 0.08
    chroma_l1: float = 0.5
    smooth_l1: float = 0.0
    phases: float = 2.0
    mesh: float = 0.0
    stipple: float = 0.0
    artifacts: float = 0.0
    features: float = 0.15
    directions: float = 0.0
    feature_levels: int = 3
    window: int = 64
    windows: int | None = None
    adversarial: float = 0.05
    levels: tuple[float, float, float] = (0.25, 0.5, 0.25)
    heads: float = 0.0
    critic_rate: float = 4e-4
    critic_width: int = 48
    critic_warmup: int = 200
    full_strength: float = 0.7
    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("kind", self.kind, KINDS)
        for scale in (self.scale, *self.also):
            one_of("scale", scale, SCALES)
        if self.also and self.kind != "texture":
            raise InputError(f"also is {self.also}: the {self.kind} stage has one scale")
        if self.from_scale is not None:
            one_of("from_scale", self.from_scale, SCALES)
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("chroma", self.chroma, CHROMA)
        one_of("feature_levels", self.feature_levels, range(1, 5))
        if len(self.levels) != 3:
            raise InputError(f"levels is {self.levels}, expected three weights")
        if not 0 <= self.full_strength <= 1:
            raise InputError(f"full_strength is {self.full_strength}, expected a number in 0..1")
        if self.windows is not None and not 1 <= self.windows <= self.batch:
            raise InputError(f"windows is {self.windows}, expected a number in 1..{self.batch}, the batch")
        if self.window > self.crop or self.window % 32:
            raise InputError(f"window is {self.window}, expected a multiple of 32 up to the crop's {self.crop}")
