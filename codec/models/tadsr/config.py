"""Configuration of TADSR packages: what their `config.json` holds beside the backbone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from codec.errors import ModelError
from codec.models.sd21.config import AdapterConfig

#: HR/LR ratios that a TADSR package may be for; the paper has 4.
SCALES = (2, 4, 8)
ONE_STEPS, ENCODERS = ("residual", "epsilon"), ("time_aware", "plain")
LARGEST_TIMESTEP = 999
#: Layers of the U-Net and of the VAE's encoder that carry LoRA in the release.
UNET_LAYERS = (
    *("to_k", "to_q", "to_v", "to_out.0", "conv", "conv1", "conv2", "conv_in", "conv_shortcut", "conv_out"),
    *("proj_in", "proj_out", "ff.net.0.proj", "ff.net.2"),
)
ENCODER_LAYERS = r"^(encoder\..*(conv1|conv2|conv_in|conv_shortcut|conv|conv_out|to_k|to_q|to_v|to_out\.0)|quant_conv)$"


@dataclass(frozen=True, kw_only=True)
class TadsrConfig:
    """Everything that the family's constructors take.

    Attributes:
        scale: HR/LR ratio, one of `SCALES`.
        unet_adapters: LoRA of the U-Net, one for its way down, one for its way up, one for the rest.
        encoder_adapter: LoRA of the VAE's encoder.
        one_step: "residual" (release) or "epsilon", see `codec.models.sd21.one_step`.
        encoder: "time_aware" (TAE), or "plain": the VAE's own, which does not see the timestep.
        dial: timesteps t_s of realism 0 and 1.
    """

    scale: int = 4
    unet_adapters: tuple[AdapterConfig, ...] = ()
    encoder_adapter: AdapterConfig
    one_step: str = "residual"
    encoder: str = "time_aware"
    dial: tuple[int, int] = (100, 500)
    family: str = "tadsr"

    def __post_init__(self) -> None:
        choices = (
            ("family", self.family, ("tadsr",)), ("scale", self.scale, SCALES), ("one_step", self.one_step, ONE_STEPS),
            ("encoder", self.encoder, ENCODERS),
        )  # fmt: skip
        for name, value, allowed in choices:
            if value not in allowed:
                raise ModelError(f"config: {name} is {value!r}, expected one of {', '.join(map(str, allowed))}")
        check_dial(self.dial)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> TadsrConfig:
        """Rebuild from `to_dict`'s output, also after a trip through JSON.

        Raises:
            ModelError: a field is missing, unknown, of the wrong kind, or out of range.
        """
        try:
            made: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
            made["unet_adapters"] = tuple(_adapter(a) for a in made["unet_adapters"])
            made["encoder_adapter"] = _adapter(made["encoder_adapter"])
            return cls(**made)
        except (TypeError, AttributeError, KeyError) as exc:
            raise ModelError(f"config: {exc}") from exc


def timestep_of(dial: tuple[int, int], realism: float) -> int:
    """t_s of a realism in 0..1: linear between the ends of the dial, rounded."""
    low, high = dial
    return round(low + realism * (high - low))


def check_dial(dial: object) -> tuple[int, int]:
    """The dial, if it is one.

    Raises:
        ModelError: not two rising timesteps.
    """
    if not isinstance(dial, (list, tuple)) or len(dial) != 2 or not all(type(t) is int for t in dial):
        raise ModelError(f"config: dial is {dial!r}, expected two timesteps")
    low, high = dial
    if not 0 <= low < high <= LARGEST_TIMESTEP:
        raise ModelError(f"config: dial is {dial!r}, expected two rising timesteps in 0..{LARGEST_TIMESTEP}")
    return low, high


def _adapter(fields: dict[str, Any]) -> AdapterConfig:
    made: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return AdapterConfig(**made)


def fresh_adapters(unet_layers: Iterable[str], rank: int) -> tuple[AdapterConfig, ...]:
    """The three adapters of a U-Net as the release names them: its way down, its way up, and the rest.

    Args:
        unet_layers: names of all layers of the U-Net.
        rank: inner width.
    """
    groups: dict[str, list[str]] = {"default_encoder": [], "default_decoder": [], "default_others": []}
    for name in unet_layers:
        if name.endswith(tuple(f".{layer}" for layer in UNET_LAYERS)) or name in UNET_LAYERS:
            down = name.startswith("down_blocks.") or name == "conv_in"
            up = name.startswith("up_blocks.") or name == "conv_out"
            groups["default_encoder" if down else "default_decoder" if up else "default_others"].append(name)
    return tuple(AdapterConfig(rank=rank, targets=tuple(names), name=name) for name, names in groups.items() if names)


def fresh_encoder_adapter(rank: int) -> AdapterConfig:
    """The adapter of the VAE's encoder."""
    return AdapterConfig(rank=rank, targets=ENCODER_LAYERS, name="default_encoder")
