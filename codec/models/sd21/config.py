"""Widths, depths and constants of the `sd21` family; the defaults are the published ones."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from codec.errors import ModelError

#: HR/LR ratios that TADM was published for.
SCALES = (4, 8, 16, 32)
#: Of Stable Diffusion's noise schedule.
LAST_TIMESTEP = 999

#: What each convention may be, the default first; see `Conventions`.
CONVENTIONS: dict[str, tuple[str, str]] = {
    "latent_in": ("scaled", "unscaled"),
    "latent_out": ("unscaled", "scaled"),
    "predictor_in": ("scaled", "unscaled"),
    "prediction": ("epsilon", "v_prediction"),
    "vae": ("backbone", "other"),
}

_VAE_TARGETS = r"^decoder\..*(conv1|conv2|conv_in|conv_shortcut|conv|conv_out|to_k|to_q|to_v|to_out\.0)$"
#: Layers of the U-Net that carry LoRA.
UNET_TARGETS = (
    *("to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_shortcut", "conv_out"),
    *("proj_in", "proj_out", "ff.net.2", "ff.net.0.proj"),
)


@dataclass(frozen=True, kw_only=True)
class Conventions:
    """Five points on which the TADM paper, its release and this package may differ, and which no tensor tells.

    The defaults are what the release's inference script does. `codec.models.sd21.probing` compares the alternatives.

    Attributes:
        latent_in: whether the rescaler takes the latent times the VAE's scaling factor ("scaled") or not ("unscaled").
        latent_out: likewise what it gives: the script multiplies by the factor once more, the rescaler's own training
            script does not.
        predictor_in: likewise what the timestep predictor takes: "unscaled" in the release's training script.
        prediction: of the backbone's U-Net: "epsilon" (2.1-base, which the paper names) or "v_prediction" (2.1, which
            the release's scripts fetch).
        prompt: text behind the stored embedding; None = it was given as an embedding.
        vae: whether the VAE is the "backbone"'s own or an "other" one, as in the release.
    """

    latent_in: str = "scaled"
    latent_out: str = "unscaled"
    predictor_in: str = "scaled"
    prediction: str = "epsilon"
    prompt: str | None = None
    vae: str = "backbone"

    def __post_init__(self) -> None:
        for name, known in CONVENTIONS.items():
            if getattr(self, name) not in known:
                raise ModelError(f"config: {name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")
        if self.prompt is not None and not isinstance(self.prompt, str):
            raise ModelError(f"config: prompt is {self.prompt!r}, expected a text")

    def decoding(self) -> dict[str, str]:
        """Those that decide how a file is decoded and are not at their defaults."""
        decide = ("latent_out", "predictor_in", "prediction")
        return {name: getattr(self, name) for name in decide if getattr(self, name) != CONVENTIONS[name][0]}


@dataclass(frozen=True, kw_only=True)
class RescalerConfig:
    """Constructor arguments of `Rescaler` (DFRM).

    Attributes:
        scale: HR/LR ratio, one of `SCALES`.
        latent_channels: channels of the latent.
        pixel_width: channels of the pixel branch at full resolution (each halving doubles them) and at its end.
        latent_width: channels of the latent branch and of the reader.
        blocks: residual blocks of the latent branch, of the fusion and of the reader.
        inn_blocks: invertible blocks between feature and LR.
        inn_growth: channels that each convolution of a dense block adds.
        inn_clamp: largest magnitude of an invertible block's log scale.
        inn: whether there are invertible blocks; without them (an ablation of the paper) the feature is the LR.
        pixel_branch: whether the LR sees the pixels; without it (likewise) it comes from the latent alone.
    """

    scale: int = 16
    latent_channels: int = 4
    pixel_width: int = 16
    latent_width: int = 128
    blocks: int = 8
    inn_blocks: int = 12
    inn_growth: int = 32
    inn_clamp: float = 1.0
    inn: bool = True
    pixel_branch: bool = True

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise ModelError(f"config: scale is {self.scale}, expected one of {SCALES}")


@dataclass(frozen=True, kw_only=True)
class PredictorConfig:
    """Constructor arguments of `TimestepPredictor` (TPM).

    Attributes:
        latent_channels: channels of the latent.
        width: channels of the convolutions.
        blocks: residual blocks.
        hidden: width of the hidden linear layers.
        hidden_layers: how many of them there are.
        t_min: smallest timestep it can predict.
        t_max: largest timestep it can predict.
    """

    latent_channels: int = 4
    width: int = 32
    blocks: int = 6
    hidden: int = 512
    hidden_layers: int = 5
    t_min: float = 10.0
    t_max: float = 200.0


@dataclass(frozen=True, kw_only=True)
class SchedulerConfig:
    """Constructor arguments of `TimeScheduler`.

    Attributes:
        latent_channels: channels of the latent.
        width: channels of the learned term; even, as half of the time embedding are sines and half cosines.
        blocks: residual blocks of the learned term.
        fixed_timestep: t0 of Eq. 10, the timestep of the fixed term.
    """

    latent_channels: int = 4
    width: int = 64
    blocks: int = 6
    fixed_timestep: int = 50


@dataclass(frozen=True, kw_only=True)
class AdapterConfig:
    """A LoRA adapter: which layers of the backbone carry one, how wide, and under which name.

    Attributes:
        rank: inner width.
        alpha: the adapter's output is multiplied by alpha / rank. The release leaves peft's default of 8.
        targets: layer names (suffixes), or one regular expression on whole names.
        name: peft's adapter name, part of every tensor name.
    """

    rank: int
    alpha: float = 8
    targets: tuple[str, ...] | str
    name: str


@dataclass(frozen=True, kw_only=True)
class Sd21Config:
    """Everything that the family's constructors take.

    Attributes:
        rescaler: DFRM.
        predictor: TPM.
        scheduler: time scheduler.
        unet_adapter: LoRA of the denoiser.
        vae_adapter: LoRA of the latent codec's decoder.
        timestep: one for every tile, in 0..999, in place of predictor and learned term: then the package has neither,
            and Eq. 9 is taken at this timestep (an ablation of the paper). None = as predicted.
        conventions: what no tensor tells.
    """

    rescaler: RescalerConfig = field(default_factory=RescalerConfig)
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    scheduler: SchedulerConfig = field(default_factory=SchedulerConfig)
    unet_adapter: AdapterConfig = field(
        default_factory=lambda: AdapterConfig(rank=48, targets=UNET_TARGETS, name="default")
    )
    vae_adapter: AdapterConfig = field(
        default_factory=lambda: AdapterConfig(rank=16, targets=_VAE_TARGETS, name="vae_skip")
    )
    timestep: int | None = None
    conventions: Conventions = field(default_factory=Conventions)
    family: str = "sd21"

    def __post_init__(self) -> None:
        if self.family != "sd21":
            raise ModelError(f"config: family is {self.family!r}, expected 'sd21'")
        if self.timestep is not None and (type(self.timestep) is not int or not 0 <= self.timestep <= LAST_TIMESTEP):
            raise ModelError(f"config: timestep is {self.timestep!r}, expected a whole number in 0..{LAST_TIMESTEP}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Sd21Config:
        """Rebuild from `to_dict`'s output, also after a trip through JSON.

        Raises:
            ModelError: a field is unknown, of the wrong kind, or out of range.
        """
        parts = {
            "rescaler": RescalerConfig,
            "predictor": PredictorConfig,
            "scheduler": SchedulerConfig,
            "unet_adapter": AdapterConfig,
            "vae_adapter": AdapterConfig,
            "conventions": Conventions,
        }
        made = dict(fields)
        for name in parts.keys() & fields.keys():
            try:
                plain = {k: tuple(v) if isinstance(v, list) else v for k, v in fields[name].items()}
                made[name] = parts[name](**plain)
            except (TypeError, AttributeError) as exc:
                raise ModelError(f"config: {name} is not readable ({exc})") from exc
        try:
            return cls(**made)
        except TypeError as exc:
            raise ModelError(f"config: {exc}") from exc


def decoding_fields(config: dict[str, Any]) -> dict[str, Any]:
    """Of a package's `config.json` what decides how files are decoded; fields that came later are left out where they
    are at their defaults, so that a package keeps its id.

    Raises:
        ModelError: they are not readable.
    """
    kept = {k: v for k, v in config.items() if k not in ("conventions", "timestep", "rescaler")}
    try:
        rescaler = dict(config["rescaler"])
        conventions = Conventions(**config.get("conventions", {})).decoding()
    except (KeyError, TypeError, ValueError) as exc:
        raise ModelError(f"config: rescaler or conventions are not readable ({exc})") from exc
    for name in ("inn", "pixel_branch"):
        if rescaler.get(name, True) is True:
            rescaler.pop(name, None)
    if config.get("timestep") is not None:
        kept["timestep"] = config["timestep"]
    return kept | {"rescaler": rescaler} | ({"conventions": conventions} if conventions else {})
