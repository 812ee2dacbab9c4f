"""Configuration of architecture compact-2: what `config.json` of its model packages holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from codec.errors import ModelError

#: Changes whenever the same weights would give other pixels.
ARCHITECTURE = "compact-2"
#: Pixels of HR per latent cell side: the compact latent is space-to-depth by 4 (48 channels).
LATENT_FACTOR = 4
LATENT_CHANNELS = 3 * LATENT_FACTOR**2
#: Channels of noise that the denoiser sees a latent cell: one value a pixel.
NOISE_CHANNELS = LATENT_FACTOR**2
SCALES = (1, 2, 4, 8, 16, 32)
#: What shading adds to the brightness it divides by: 16 grey levels, so that black has no colour to give.
SHADING_FLOOR = 16 / 127.5


@dataclass(frozen=True, kw_only=True)
class CompactConfig:
    """Constructor arguments of every compact-2 network.

    Attributes:
        scales: HR/LR ratios this package can decode, each of `SCALES`.
        width: channels of a reader's trunk at 1/4 resolution.
        deep_width: channels of the trunk at 1/8 resolution; 0 = the trunk stays at 1/4.
        blocks: residual blocks of the trunk: at 1/4, at 1/8, at 1/4 again.
        shallow: scales whose trunk has half as many blocks at 1/8: less to store where less is to be found out.
        climb_blocks: residual blocks at every resolution from the LR's own up to 1/8, for scales above 4.
        denoiser_width: channels of the denoiser.
        denoiser_blocks: residual blocks of the denoiser.
        denoisers: scales that the denoiser has an entry for; at the others realism has no effect.
        shading: share of the colour of a place that luma drawn there takes on, 0..1: at 1 texture is a change of light.
        writers: scales whose LR is written by a network; at the others it is the plain downscale.
        writer_width: channels of an LR writer.
        writer_blocks: residual blocks of an LR writer at 1/4 resolution.
        realism: the dial where the user says nothing, 0..1.
        family: "compact".
        architecture: name of everything that the code of these networks decides beside the widths. Part of the model
            id: a change of the graph or of a constant in it needs a new name.
    """

    scales: tuple[int, ...] = SCALES
    width: int = 32
    deep_width: int = 80
    blocks: tuple[int, int, int] = (2, 4, 2)
    shallow: tuple[int, ...] = (1, 2, 16, 32)
    climb_blocks: int = 2
    denoiser_width: int = 48
    denoiser_blocks: int = 6
    denoisers: tuple[int, ...] = ()
    shading: float = 0.0
    writers: tuple[int, ...] = ()
    writer_width: int = 32
    writer_blocks: int = 2
    realism: float = 1.0
    family: str = "compact"
    architecture: str = ARCHITECTURE

    def __post_init__(self) -> None:
        for name, expected in (("family", "compact"), ("architecture", ARCHITECTURE)):
            if getattr(self, name) != expected:
                raise ModelError(f"config.json: {name} is {getattr(self, name)!r}, expected {expected!r}")
        for name in ("scales", "denoisers", "writers", "shallow"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not set(value) <= set(SCALES):
                raise ModelError(f"config.json: {name} is {value!r}, expected a list of {', '.join(map(str, SCALES))}")
        for name in ("realism", "shading"):
            if not 0 <= getattr(self, name) <= 1:
                raise ModelError(f"config.json: {name} is {getattr(self, name)}, expected a number in 0..1")
        for name in ("denoisers", "writers"):
            if not set(getattr(self, name)) <= set(self.scales):
                raise ModelError(f"config.json: {name} for {getattr(self, name)}, of scales {self.scales}")

    def blocks_at(self, scale: int) -> tuple[int, int, int]:
        """`blocks` of the reader of one scale."""
        before, below, after = self.blocks
        return before, (below + 1) // 2 if scale in self.shallow else below, after

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    def at_scales(self, scales: tuple[int, ...]) -> CompactConfig:
        """The same for some of the scales."""
        denoisers, writers = (tuple(s for s in own if s in scales) for own in (self.denoisers, self.writers))
        return replace(self, scales=scales, denoisers=denoisers, writers=writers)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> CompactConfig:
        """Rebuild from `to_dict`'s output.

        Raises:
            ModelError: a field is unknown or has a value out of range.
        """
        known: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
        try:
            return cls(**known)
        except TypeError as exc:
            raise ModelError(f"config.json: {exc}") from exc
