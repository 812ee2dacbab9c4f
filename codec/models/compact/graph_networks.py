"""The compact networks as graphs, ready to run on a CPU, and the LR writers. Without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codec.arrays import FloatArray, PixelArray, pad
from codec.geometry import TIMESTEP_TILE
from codec.models.compact.configs import AnyConfig, compact_config
from codec.models.compact.decoding import Network
from codec.models.compact.v1 import graph as first
from codec.models.compact.v1.conditioning import noise_gain, spread_over_cells
from codec.models.compact.v1.config import LATENT_FACTOR
from codec.models.compact.v1.config import CompactConfig as FirstConfig
from codec.models.compact.v1.reach import halo as first_halo
from codec.models.compact.v1.reach import writer_halo as first_writer_halo
from codec.models.compact.v2 import graph as second
from codec.models.compact.v2.config import CompactConfig
from codec.models.compact.v2.reach import halo, writer_halo, writer_multiple
from codec.models.graph.parts import Part
from codec.models.graph.sessions import Session

#: Largest timestep the family uses.
_MAX_TIMESTEP = 200.0
#: Latent rows that the detail head of compact-1 works on at once, and those beside them that it sees: it has few
#: channels but many pixels, and would need more memory than all the rest.
STRIP, REACH = 32, 4


def load_network(folder: Path, scale: int, engine: str, dtype: str) -> Network:
    """The networks of a package for one scale.

    Args:
        folder: of the package.
        scale: HR/LR ratio.
        engine: "onnx" or "openvino".
        dtype: "fp32" or "bf16".

    Raises:
        ModelError: the package is incomplete or lacks the scale.
    """
    config = compact_config(folder, (scale,))
    if isinstance(config, FirstConfig):
        return FirstGraphs(folder, config, scale, engine, dtype)
    return SecondGraphs(folder, config, scale, engine, dtype)


def first_graphs(folder: Path, config: FirstConfig, scale: int) -> dict[str, bytes]:
    """The decoding networks of a package of compact-1 for one scale, as ONNX models by name.

    Raises:
        ModelError: the package is incomplete.
    """
    denoiser, predictor, reader = (Part(folder, name) for name in ("denoiser", f"predictor{scale}", f"reader{scale}"))
    models = {
        "reader": first.reader(reader, config, scale),
        "predictor": first.predictor(predictor, config),
        "trunk": first.trunk(denoiser, config),
        "head": first.head(denoiser, config),
        "plain": first.plain(),
    }
    for part in (denoiser, predictor, reader):
        part.done()
    return models


def second_graphs(folder: Path, config: CompactConfig, scale: int) -> dict[str, bytes]:
    """The decoding networks of a package of compact-2 for one scale, as ONNX models by name; a scale without a denoiser
    has no "decoder".

    Raises:
        ModelError: the package is incomplete.
    """
    models = {"reader": second.reader(part := Part(folder, f"reader{scale}"), config, scale)}
    part.done()
    if scale in config.denoisers:
        own = Part(folder, "denoiser")
        models["decoder"] = second.decoder(Part(folder, f"reader{scale}"), own, config, scale)
        own.leave("conv_in.")  # of the other scales
        own.done()
    return models


class FirstGraphs:
    """Architecture compact-1; see `codec.models.compact.decoding.Network`."""

    takes_noise = True

    def __init__(self, folder: Path, config: FirstConfig, scale: int, engine: str, dtype: str) -> None:
        self.scale, self.halo = scale, first_halo(config, scale)
        models = first_graphs(folder, config, scale)
        self._sessions = {name: Session(model, engine, dtype) for name, model in models.items()}

    def limit_memory(self) -> None:
        """A CPU has no budget."""

    def restore(
        self, lr: PixelArray, quality: int, noise: FloatArray | None, timesteps: FloatArray | None, *,
        realism: float, denoise: bool,
    ) -> tuple[PixelArray, FloatArray]:  # fmt: skip
        """See `codec.models.compact.decoding.Network.restore`."""
        run, q = self._sessions, quality / 100
        z_hat = run["reader"].run(lr=network_values(lr), quality=flat(q, lr.shape))
        cells = z_hat.shape[2:]
        t = run["predictor"].run(z_hat=z_hat, quality=flat(q, cells))[0, 0] if timesteps is None else timesteps
        if not denoise:
            return picture(run["plain"].run(z_hat=z_hat)), t
        assert noise is not None
        effective = spread_over_cells(np.float32(realism) * t)
        drawn = (noise * enlarged(noise_gain(effective)))[None, None]
        condition = np.empty((1, 3, *cells), np.float32)
        condition[0, 0], condition[0, 1], condition[0, 2] = effective / _MAX_TIMESTEP, q, np.log2(self.scale) / 4
        x4 = run["trunk"].run(z_hat=z_hat, noise=drawn, condition=condition)
        return self._head(x4, z_hat, drawn), t

    def _head(self, x4: FloatArray, z_hat: FloatArray, noise: FloatArray) -> PixelArray:
        height, f = z_hat.shape[2], LATENT_FACTOR
        out = np.empty((f * height, f * z_hat.shape[3], 3), np.uint8)
        for top in range(0, height, STRIP):
            low, high = max(0, top - REACH), min(height, top + STRIP + REACH)
            made = self._sessions["head"].run(
                x4=x4[:, :, low:high], z_hat=z_hat[:, :, low:high], noise=noise[:, :, f * low : f * high]
            )
            bottom = min(height, top + STRIP)
            out[f * top : f * bottom] = picture(made)[f * (top - low) : f * (bottom - low)]
        return out


class SecondGraphs:
    """Architecture compact-2; see `codec.models.compact.decoding.Network`. Realism 0 runs the reader alone."""

    takes_noise = True

    def __init__(self, folder: Path, config: CompactConfig, scale: int, engine: str, dtype: str) -> None:
        self.scale, self.halo = scale, halo(config, scale)
        models = second_graphs(folder, config, scale)
        self._sessions = {name: Session(model, engine, dtype) for name, model in models.items()}

    def limit_memory(self) -> None:
        """A CPU has no budget."""

    def restore(
        self, lr: PixelArray, quality: int, noise: FloatArray | None, timesteps: FloatArray | None, *,
        realism: float, denoise: bool,
    ) -> tuple[PixelArray, FloatArray]:  # fmt: skip
        """See `codec.models.compact.decoding.Network.restore`."""
        rows, columns = (side * self.scale // TIMESTEP_TILE for side in lr.shape[:2])
        t = np.full((rows, columns), _MAX_TIMESTEP, np.float32) if timesteps is None else timesteps
        fold = second.quality_fold(self.scale)
        inputs = {
            "lr": network_values(lr),
            "quality": flat(quality / 100, (lr.shape[0] // fold, lr.shape[1] // fold)),
        }
        if not denoise or realism == 0 or "decoder" not in self._sessions:
            return picture(self._sessions["reader"].run(**inputs)), t
        strength = spread_over_cells(np.float32(realism) * t) / np.float32(_MAX_TIMESTEP)
        assert noise is not None
        inputs |= {"strength": strength[None, None], "noise": (noise * enlarged(strength))[None, None]}
        return picture(self._sessions["decoder"].run(**inputs)), t


class GraphWriter:
    """The LR writer of one scale; always in fp32.

    Attributes:
        halo: see `codec.models.compact.encoding.Writer`.
    """

    def __init__(self, folder: Path, scale: int, engine: str) -> None:
        """From a model package.

        Raises:
            ModelError: the package is incomplete, or lacks the scale or its writer.
        """
        config, part, self._scale = compact_config(folder, (scale,)), Part(folder, f"writer{scale}"), scale
        model, self.halo, self._multiple = _writer(part, config, scale)
        part.done()
        self._session = Session(model, engine, "fp32")

    def residual(self, hr: PixelArray, quality: int) -> FloatArray:
        """See `codec.models.compact.encoding.Writer.residual`."""
        height, width = hr.shape[:2]
        whole = pad(hr, -height % self._multiple, -width % self._multiple)
        cells = whole.shape[0] // LATENT_FACTOR, whole.shape[1] // LATENT_FACTOR
        made = self._session.run(hr=network_values(whole), quality=flat(quality / 100, cells))
        out: FloatArray = (made[0] * np.float32(127.5)).transpose(1, 2, 0)
        return out[: height // self._scale, : width // self._scale]


def check(folder: Path) -> None:
    """Draw every graph of a package.

    Raises:
        ModelError: a part is missing, broken, or does not fit the config.
    """
    config = compact_config(folder)
    for scale in config.scales:
        load_network(folder, scale, "onnx", "fp32")
    for scale in config.writers:
        GraphWriter(folder, scale, "onnx")


def network_values(samples: PixelArray) -> FloatArray:
    """8-bit samples [h, w, 3] as network values, float32 [1, 3, h, w] in [-1, 1]."""
    planes = np.ascontiguousarray(samples.transpose(2, 0, 1)[None]).astype(np.float32)
    planes /= np.float32(127.5)
    planes -= np.float32(1)
    return planes


def flat(value: float, size: tuple[int, ...]) -> FloatArray:
    """One value everywhere, float32 [1, 1, size[0], size[1]]."""
    return np.full((1, 1, *size[:2]), value, np.float32)


def enlarged(cells: FloatArray) -> FloatArray:
    """A value a latent cell as one a pixel."""
    return cells.repeat(LATENT_FACTOR, 0).repeat(LATENT_FACTOR, 1)


def picture(planes: PixelArray) -> PixelArray:
    """uint8 [1, 3, H, W] -> [H, W, 3]."""
    return np.ascontiguousarray(planes[0].transpose(1, 2, 0))


def _writer(part: Part, config: AnyConfig, scale: int) -> tuple[bytes, int, int]:
    """Graph, halo, and what the sides of a piece are multiples of."""
    if isinstance(config, FirstConfig):
        return first.writer(part, config, scale), first_writer_halo(scale), scale
    return second.writer(part, config, scale), writer_halo(config, scale), writer_multiple(scale)
