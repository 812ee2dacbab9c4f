"""Widths and depths of the compact family: what `config.json` of a compact model package holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from codec.errors import ModelError

#: Changes whenever the same weights would give other pixels.
ARCHITECTURE = "compact-1"
#: Pixels of HR per latent cell side: the compact latent is space-to-depth by 4 (48 channels).
LATENT_FACTOR = 4
LATENT_CHANNELS = 3 * LATENT_FACTOR**2


@dataclass(frozen=True, kw_only=True)
class CompactConfig:
    """Constructor arguments of every compact network.

    Attributes:
        scales: HR/LR ratios this package can decode, each a power of two in 4..32.
        reader_width: channels of an LR reader at every resolution.
        reader_blocks: residual blocks of an LR reader at every resolution from the LR's own up to 1/4.
        widths: channels of the denoiser at 1/4, 1/8 and 1/16 resolution.
        blocks: residual blocks of the denoiser on the way down at 1/4, 1/8, 1/16.
        up_blocks: residual blocks of the denoiser on the way up at 1/8 and 1/4.
        half_width: channels of the denoiser's detail head at 1/2 resolution.
        predictor_width: channels of the timestep predictor.
        writers: scales whose LR is written by a network; at the others it is the plain downscale.
        writer_width: channels of an LR writer.
        family: "compact".
        architecture: name of everything that the code of these networks decides beside the widths. Part of the model
            id: a change of the graph or of a constant in it needs a new name.
    """

    scales: tuple[int, ...] = (4,)
    reader_width: int = 64
    reader_blocks: int = 2
    widths: tuple[int, int, int] = (64, 96, 128)
    blocks: tuple[int, int, int] = (2, 2, 2)
    up_blocks: tuple[int, int] = (1, 1)
    half_width: int = 32
    predictor_width: int = 32
    writers: tuple[int, ...] = ()
    writer_width: int = 32
    family: str = field(default="compact")
    architecture: str = field(default=ARCHITECTURE)

    def __post_init__(self) -> None:
        if self.family != "compact":
            raise ModelError(f"config.json: family is {self.family!r}, expected 'compact'")
        if self.architecture != ARCHITECTURE:
            raise ModelError(f"config.json: architecture is {self.architecture!r}, this version has {ARCHITECTURE!r}")
        for scale in self.scales:
            if scale not in (4, 8, 16, 32):
                raise ModelError(f"config.json: scale is {scale}, expected 4, 8, 16 or 32")
        if not set(self.writers) <= set(self.scales):
            raise ModelError(f"config.json: writers for {self.writers}, of scales {self.scales}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready fields."""
        return asdict(self)

    def at_scales(self, scales: tuple[int, ...]) -> CompactConfig:
        """The same for some of the scales."""
        return replace(self, scales=scales, writers=tuple(s for s in self.writers if s in scales))

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
