"""Stages of the `sd21` family: one TOML file -> a validated, frozen `Sd21StageConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field

from codec.errors import InputError
from codec.models.sd21.config import CONVENTIONS, LAST_TIMESTEP
from codec.options import SCALES
from codec.training.config import StageConfig, one_of

KINDS = ("rescaler", "enhancement", "joint")


@dataclass(frozen=True, kw_only=True)
class Sd21StageConfig(StageConfig):
    """Everything a stage needs beside its data and its starting weights.

    Attributes:
        kind: "rescaler" (DFRM, Eq. 8 of TADM), "enhancement" (LoRA, predictor, time scheduler, Eq. 11), or "joint"
            (all of them, both losses).
        scale: HR/LR ratio.
        accumulate: batches whose gradients are summed before a step.
        norm: of the reconstruction, guidance and pixel losses: "l1" as the paper has it, "l2" as the release does.
        rec, guide: lambda_rec and lambda_gui of Eq. 8.
        pixel: weight of the pixel loss of Eq. 11.
        perceptual: name -> weight of the perceptual terms of Eq. 11, see `codec.training.perceptual`.
        payload: what the LR goes through: "png" (rounding) or "av1" at a random quality of `qualities`.
        qualities: lowest and highest.
        checkpointing: recompute activations of U-Net and VAE decoder in the backward pass: less memory, a third slower.
        unet_rank, vae_rank: widths of the adapters of a run that starts from the backbone alone.
        inn, pixel_branch: whether the rescaler has its invertible network and its pixel branch (ablations of Fig. 6).
        predictor: "tpm", or one timestep in 0..999 for everything, without predictor and learned scheduler (ablations
            of Fig. 7); a package that has both loses them.
        latent_in, latent_out, predictor_in, prediction: see `codec.models.sd21.config.Conventions`; of a run from
            the backbone alone, and what a package must have otherwise.
        held_out: squares that an evaluation looks at.
    """

    family: str = "sd21"
    scale: int
    crop: int = 448
    batch: int = 4
    accumulate: int = 1
    steps: int = 40_000
    rate: float = 5e-5
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 1e-2
    warmup: int = 500
    schedule: str = "constant"
    ema: float = 0.0
    evaluate_steps: int = 0
    checkpoint_minutes: float = 10.0
    log_steps: int = 100
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
    inn: bool = True
    pixel_branch: bool = True
    predictor: str | float = "tpm"
    latent_in: str = CONVENTIONS["latent_in"][0]
    latent_out: str = CONVENTIONS["latent_out"][0]
    predictor_in: str = CONVENTIONS["predictor_in"][0]
    prediction: str = CONVENTIONS["prediction"][0]
    held_out: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("kind", self.kind, KINDS)
        one_of("scale", self.scale, SCALES)
        one_of("norm", self.norm, ("l1", "l2"))
        one_of("payload", self.payload, ("png", "av1"))
        for name in ("latent_in", "latent_out", "predictor_in", "prediction"):
            one_of(name, getattr(self, name), CONVENTIONS[name])
        for name in ("inn", "pixel_branch"):
            one_of(name, getattr(self, name), (True, False))
        _ = self.timestep
        for name in ("accumulate", "unet_rank", "vae_rank", "held_out"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}, expected at least 1")
        if not 0 <= self.qualities[0] <= self.qualities[1] <= 99:
            raise InputError(f"qualities are {self.qualities}, expected two of 0..99 in order")

    @property
    def timestep(self) -> int | None:
        """The one timestep that `predictor` names; None = the predictor's.

        Raises:
            InputError: it names none.
        """
        t = self.predictor
        if t == "tpm":
            return None
        if isinstance(t, bool) or not isinstance(t, (int, float)) or t != int(t) or not 0 <= t <= LAST_TIMESTEP:
            raise InputError(f'predictor is {t!r}, expected "tpm" or a whole number in 0..{LAST_TIMESTEP}')
        return int(t)
