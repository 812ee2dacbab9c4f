"""The compact family: convolutional networks on pixels, small enough for a laptop's CPU. Tile grid preset 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codec.codings import LOSSLESS_PAYLOADS
from codec.errors import ModelError
from codec.geometry import TIMESTEP_TILE, Size, grid_cells
from codec.models.engines import resolve_engine
from codec.models.family import LrEncoder, Restorer, Runtime, settled
from codec.optional import require
from codec.options import DecodeOptions, EncodeOptions

FIRST, SECOND = "compact-1", "compact-2"
#: Keys of the config that say nothing about how a file of one scale is decoded.
_NOT_DECODING = {"scales", "denoisers", "writers", "writer_width", "writer_blocks", "realism"}
#: The defaults are decided by figures in `docs/adr/0003-defaults.md`.
DEFAULT_SCALE, DEFAULT_PAYLOAD, DEFAULT_QUALITY = 4, "av1", 48


class CompactFamily:
    """See `codec.models.family.Family`. Packages are of architecture compact-1 or compact-2."""

    name = "compact"
    preset = 0
    largest_timestep = 200.0
    has_timestep_map = True
    looks = True

    def scales(self, config: dict[str, Any]) -> tuple[int, ...]:
        """See `Family.scales`."""
        return tuple(config["scales"])

    def reads_pictures(self, config: dict[str, Any]) -> bool:
        """See `Family.reads_pictures`."""
        return True

    def parts(self, config: dict[str, Any], scale: int) -> tuple[str, ...]:
        """See `Family.parts`."""
        architecture = config.get("architecture")
        if architecture == FIRST:
            return ("denoiser", f"predictor{scale}", f"reader{scale}")
        if architecture == SECOND:
            has = scale in config.get("denoisers", ())
            return ("denoiser", f"reader{scale}") if has else (f"reader{scale}",)
        raise ModelError(f"config.json: architecture is {architecture!r}, this version has {FIRST!r} and {SECOND!r}")

    def identity(self, config: dict[str, Any]) -> dict[str, Any]:
        """See `Family.identity`."""
        return {k: v for k, v in config.items() if k not in _NOT_DECODING}

    def default_realism(self, config: dict[str, Any]) -> float:
        """See `Family.default_realism`."""
        return float(config.get("realism", 1.0))

    def generates(self, config: dict[str, Any], scale: int, options: DecodeOptions) -> bool:
        """See `Family.generates`: realism 0 draws nothing, and neither does a scale without a denoiser."""
        denoises = config.get("architecture") == FIRST or scale in config.get("denoisers", ())
        return options.denoise and options.realism != 0 and denoises

    def settle(self, config: dict[str, Any], options: EncodeOptions) -> EncodeOptions:
        """See `Family.settle`."""
        scales = config["scales"]
        scale = DEFAULT_SCALE if DEFAULT_SCALE in scales else scales[0]
        return settled(
            options, scale=scale, payload=DEFAULT_PAYLOAD, quality=DEFAULT_QUALITY, lossless=LOSSLESS_PAYLOADS
        )

    def timestep_grid(self, size: Size) -> Size:
        """See `Family.timestep_grid`: tiles of 64 x 64 pixels from the top-left corner."""
        return grid_cells(size, TIMESTEP_TILE)

    def load_encoder(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> LrEncoder:
        """See `Family.load_encoder`; without an LR writer it is the plain downscale.

        LR writers run on the CPU whatever the device, so that a machine always writes one file.
        """
        from codec.models.compact.encoding import CompactLrEncoder, Writer

        if scale not in config.get("writers", ()):
            return CompactLrEncoder(scale, None)
        writer: Writer
        if runtime.engine == "torch":
            require("torch", "engine torch", "torch")
            from codec.models.compact.torch_networks import TorchWriter

            writer = TorchWriter.load(folder, scale)
        else:
            from codec.models.compact.graph_networks import GraphWriter

            writer = GraphWriter(folder, scale, "onnx" if runtime.engine == "auto" else runtime.engine)
        return CompactLrEncoder(scale, writer)

    def load_restorer(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> Restorer:
        """See `Family.load_restorer`."""
        from codec.models.compact.decoding import CompactRestorer

        engine = resolve_engine(runtime)
        if engine == "torch":
            require("torch", "engine torch", "torch")
            from codec.models.compact.torch_networks import load_network

            network = load_network(folder, scale, runtime)
        else:
            from codec.models.compact import graph_networks

            dtype = "fp32" if runtime.dtype == "auto" else runtime.dtype
            network = graph_networks.load_network(folder, scale, engine, dtype)
        return CompactRestorer(network, memory=runtime.max_vram)

    def verify(self, folder: Path, config: dict[str, Any]) -> None:
        """See `Family.verify`."""
        from codec.models.compact.graph_networks import check

        check(folder)


COMPACT = CompactFamily()
