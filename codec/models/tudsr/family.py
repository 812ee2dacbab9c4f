"""The family `tudsr`: Stable Diffusion 2.1-base that enlarges any LR picture in two passes with two adapters, for GPUs.
Tile grid preset 3.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codec.codings import LOSSLESS_PAYLOADS
from codec.geometry import Size
from codec.models.engines import needs_torch
from codec.models.family import LrEncoder, Restorer, Runtime, settled
from codec.models.files import read_config
from codec.models.plain import PlainLrEncoder
from codec.models.sd21.family import SD21
from codec.options import DecodeOptions, EncodeOptions

#: Keys of the config that say nothing about how a file is decoded.
_NOT_DECODING = {"scales", "sources"}
_PAYLOAD, _QUALITY = "av1", 48
_PASSES = ("first", "second")


class TudsrFamily:
    """See `codec.models.family.Family`. The stored LR is the plain downscale, and encoding loads no network, unless the
    first pass is a package of TADM: then it is that one's.
    """

    name = "tudsr"
    preset = 3
    largest_timestep = 999.0
    has_timestep_map = False
    looks = False

    def scales(self, config: dict[str, Any]) -> tuple[int, ...]:
        """See `Family.scales`."""
        return tuple(config["scales"])

    def reads_pictures(self, config: dict[str, Any]) -> bool:
        """See `Family.reads_pictures`: unless its first pass is TADM's."""
        return not _after_tadm(config)

    def parts(self, config: dict[str, Any], scale: int) -> tuple[str, ...]:
        """See `Family.parts`: an adapter a pass, or all of TADM's first, and the prompt."""
        if _after_tadm(config):
            first = SD21.parts(config.get("first_package", {}), config["split"][0])
            return (*(f"first/{part}" for part in first), "prompt", "second")
        return (*_PASSES[: len(config.get("split", ()))], "prompt")

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
        """See `Family.settle`; where the first pass is TADM's, as that."""
        if _after_tadm(config):
            return SD21.settle(config, options)
        return settled(
            options, scale=config["scales"][0], payload=_PAYLOAD, quality=_QUALITY, lossless=LOSSLESS_PAYLOADS
        )

    def timestep_grid(self, size: Size) -> Size:
        """See `Family.timestep_grid`: the same timesteps everywhere."""
        return Size(1, 1)

    def load_encoder(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> LrEncoder:
        """See `Family.load_encoder`."""
        if not _after_tadm(config):
            return PlainLrEncoder(scale)
        needs_torch(self.name, runtime)
        from codec.models.tudsr.after_tadm import TadmFirstEncoder

        return TadmFirstEncoder.load(folder, config["split"][1], runtime)

    def load_restorer(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> Restorer:
        """See `Family.load_restorer`."""
        needs_torch(self.name, runtime)
        from codec.models.tudsr.decoding import TudsrRestorer

        return TudsrRestorer.load(folder, runtime)

    def verify(self, folder: Path, config: dict[str, Any]) -> None:
        """See `Family.verify`; the backbone is hashed again."""
        needs_torch(self.name)
        from codec.models.tudsr.package import load_package

        load_package(folder, check=True)
        if _after_tadm(config):
            SD21.verify(folder / "first", read_config(folder / "first"))


def _after_tadm(config: dict[str, Any]) -> bool:
    return config.get("first") == "tadm"


TUDSR = TudsrFamily()
