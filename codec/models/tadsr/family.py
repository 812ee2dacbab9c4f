"""The family `tadsr`: Stable Diffusion 2.1-base that restores any LR picture at a timestep of the user's choice, for
GPUs. Tile grid preset 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codec.codings import LOSSLESS_PAYLOADS
from codec.geometry import Size
from codec.models.engines import needs_torch
from codec.models.family import LrEncoder, Restorer, Runtime, settled
from codec.models.plain import PlainLrEncoder
from codec.options import DecodeOptions, EncodeOptions

#: Keys of the config that say nothing about how a file is decoded.
_NOT_DECODING = {"scales", "sources"}
_PAYLOAD, _QUALITY = "av1", 48


class TadsrFamily:
    """See `codec.models.family.Family`. The stored LR is the plain downscale; encoding loads no network."""

    name = "tadsr"
    preset = 2
    largest_timestep = 999.0
    has_timestep_map = False
    looks = False

    def scales(self, config: dict[str, Any]) -> tuple[int, ...]:
        """See `Family.scales`."""
        return tuple(config["scales"])

    def reads_pictures(self, config: dict[str, Any]) -> bool:
        """See `Family.reads_pictures`."""
        return True

    def parts(self, config: dict[str, Any], scale: int) -> tuple[str, ...]:
        """See `Family.parts`."""
        return ("encoder", "prompt", "unet")

    def identity(self, config: dict[str, Any]) -> dict[str, Any]:
        """See `Family.identity`."""
        return {k: v for k, v in config.items() if k not in _NOT_DECODING}

    def default_realism(self, config: dict[str, Any]) -> float:
        """See `Family.default_realism`."""
        return 1.0

    def generates(self, config: dict[str, Any], scale: int, options: DecodeOptions) -> bool:
        """See `Family.generates`: the smallest timestep still denoises."""
        return options.denoise

    def settle(self, config: dict[str, Any], options: EncodeOptions) -> EncodeOptions:
        """See `Family.settle`."""
        return settled(
            options, scale=config["scales"][0], payload=_PAYLOAD, quality=_QUALITY, lossless=LOSSLESS_PAYLOADS
        )

    def timestep_grid(self, size: Size) -> Size:
        """See `Family.timestep_grid`: one timestep for all."""
        return Size(1, 1)

    def load_encoder(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> LrEncoder:
        """See `Family.load_encoder`."""
        return PlainLrEncoder(scale)

    def load_restorer(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> Restorer:
        """See `Family.load_restorer`."""
        needs_torch(self.name, runtime)
        from codec.models.tadsr.decoding import TadsrRestorer

        return TadsrRestorer.load(folder, runtime)

    def verify(self, folder: Path, config: dict[str, Any]) -> None:
        """See `Family.verify`; the backbone is hashed again."""
        needs_torch(self.name)
        from codec.models.tadsr.package import load_package

        load_package(folder, check=True)


TADSR = TadsrFamily()
