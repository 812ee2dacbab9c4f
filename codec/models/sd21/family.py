"""The `sd21` family: the papers' system around Stable Diffusion 2.1-base, for GPUs. Tile grid preset 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codec.codings import LOSSLESS_PAYLOADS
from codec.geometry import Size
from codec.models.engines import needs_torch
from codec.models.family import LrEncoder, Restorer, Runtime, settled
from codec.models.sd21.config import decoding_fields
from codec.models.sd21.geometry import timestep_grid
from codec.options import DecodeOptions, EncodeOptions

#: Keys of the config that say nothing about how a file is decoded.
_NOT_DECODING = {"scales", "sources"}
#: The papers' LR is lossless.
_PAYLOAD, _QUALITY = "png", 48


class Sd21Family:
    """See `codec.models.family.Family`. A package's config has its backbone's hashes, which so are part of the id."""

    name = "sd21"
    preset = 1
    largest_timestep = 200.0
    has_timestep_map = True
    looks = False

    def scales(self, config: dict[str, Any]) -> tuple[int, ...]:
        """See `Family.scales`."""
        return tuple(config["scales"])

    def reads_pictures(self, config: dict[str, Any]) -> bool:
        """See `Family.reads_pictures`."""
        return False

    def parts(self, config: dict[str, Any], scale: int) -> tuple[str, ...]:
        """See `Family.parts`."""
        aligned = config.get("timestep") is None
        return (
            *(("predictor",) if aligned else ()),
            *("prompt", f"rescaler{scale}"),
            *(("scheduler",) if aligned else ()),
            *("unet_adapter/adapter_model", "vae_adapter/adapter_model"),
        )

    def identity(self, config: dict[str, Any]) -> dict[str, Any]:
        """See `Family.identity`."""
        return decoding_fields({k: v for k, v in config.items() if k not in _NOT_DECODING})

    def default_realism(self, config: dict[str, Any]) -> float:
        """See `Family.default_realism`."""
        return 1.0

    def generates(self, config: dict[str, Any], scale: int, options: DecodeOptions) -> bool:
        """See `Family.generates`: the smallest timestep still denoises."""
        return options.denoise

    def settle(self, config: dict[str, Any], options: EncodeOptions) -> EncodeOptions:
        """See `Family.settle`: lossless, unless a quality or a lossy payload is asked for."""
        payload = _PAYLOAD if options.quality is None else "av1"
        return settled(
            options, scale=config["scales"][0], payload=payload, quality=_QUALITY, lossless=LOSSLESS_PAYLOADS
        )

    def timestep_grid(self, size: Size) -> Size:
        """See `Family.timestep_grid`: the denoiser's tiles."""
        return timestep_grid(size)

    def load_encoder(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> LrEncoder:
        """See `Family.load_encoder`."""
        needs_torch(self.name, runtime)
        from codec.models.sd21.writing import Sd21LrEncoder

        return Sd21LrEncoder.load(folder, runtime)

    def load_restorer(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> Restorer:
        """See `Family.load_restorer`."""
        needs_torch(self.name, runtime)
        from codec.models.sd21.decoding import Sd21Restorer

        return Sd21Restorer.load(folder, runtime)

    def verify(self, folder: Path, config: dict[str, Any]) -> None:
        """See `Family.verify`; the backbone is hashed again."""
        needs_torch(self.name)
        from codec.models.sd21.package import load_package

        load_package(folder, check=True)


SD21 = Sd21Family()
