"""The compact networks on torch, ready to run: from a piece of LR to a piece of photograph, and the LR writers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from codec.arrays import FloatArray, PixelArray, pad
from codec.geometry import TIMESTEP_TILE
from codec.models.compact.decoding import Network
from codec.models.compact.package import AnyModel, load_package
from codec.models.compact.v1.latent import PixelLatent
from codec.models.compact.v1.model import CompactModel as FirstModel
from codec.models.compact.v1.predictor import spread_over_cells
from codec.models.compact.v1.reach import halo as first_halo
from codec.models.compact.v1.reach import writer_halo as first_writer_halo
from codec.models.compact.v2.denoiser import MAX_TIMESTEP
from codec.models.compact.v2.model import CompactModel
from codec.models.compact.v2.reach import halo, writer_halo, writer_multiple
from codec.models.device import limit_memory, needing_memory, resolve_device, resolve_dtype
from codec.models.family import Runtime
from codec.models.rounding import from_uint8, to_uint8


def load_network(folder: Path, scale: int, runtime: Runtime) -> Network:
    """The networks of a package for one scale.

    Raises:
        ModelError: the package is incomplete or lacks the scale, or the device is not here.
    """
    device = resolve_device(runtime.device)
    model = load_package(folder, (scale,), decoding=True)
    kind = FirstNetwork if isinstance(model, FirstModel) else SecondNetwork
    return kind(model, scale, device, resolve_dtype(runtime.dtype, device), runtime.max_vram)


class _TorchNetwork(ABC):
    """What both architectures have in common; see `codec.models.compact.decoding.Network`."""

    takes_noise = False
    halo: int

    def __init__(
        self, model: AnyModel, scale: int, device: torch.device, dtype: torch.dtype, max_vram: float | None = None
    ) -> None:
        self.scale = scale
        self._device, self._dtype, self._max_vram = device, dtype, max_vram
        model.channels_last_on(device)

    def limit_memory(self) -> None:
        """See `codec.models.compact.decoding.Network.limit_memory`."""
        limit_memory(self._device, self._max_vram)

    @torch.inference_mode()
    def restore(
        self, lr: PixelArray, quality: int, noise: FloatArray | None, timesteps: FloatArray | None, *,
        realism: float, denoise: bool,
    ) -> tuple[PixelArray, FloatArray]:  # fmt: skip
        """See `codec.models.compact.decoding.Network.restore`."""
        with needing_memory(self._device, f"a piece of {lr.shape[1] * self.scale}x{lr.shape[0] * self.scale} px"):
            stored = from_uint8(torch.from_numpy(lr.copy()).to(self._device).permute(2, 0, 1)[None])
            q = torch.full((1, 1, 1, 1), quality / 100, device=self._device)
            given, drawn = (None if x is None else torch.from_numpy(x).to(self._device) for x in (timesteps, noise))
            with torch.autocast(self._device.type, self._dtype, enabled=self._dtype != torch.float32):
                pixels, t = self._run(stored, q, given, drawn, realism, denoise=denoise)
            out = to_uint8(pixels[0].float()).permute(1, 2, 0).cpu().numpy()
            return out, t.float().cpu().numpy()

    @abstractmethod
    def _run(
        self, lr: Tensor, quality: Tensor, timesteps: Tensor | None, noise: Tensor | None, realism: float, *,
        denoise: bool,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Pixels [1, 3, H, W] in [-1, 1] and timesteps [rows, columns]."""


class FirstNetwork(_TorchNetwork):
    """Architecture compact-1."""

    takes_noise = True

    def __init__(self, model: AnyModel, scale: int, *where: Any) -> None:  # noqa: ANN401 - as in the base class
        super().__init__(model, scale, *where)
        assert isinstance(model, FirstModel)
        self._model, self.halo = model, first_halo(model.config, scale)

    def _run(
        self, lr: Tensor, quality: Tensor, timesteps: Tensor | None, noise: Tensor | None, realism: float, *,
        denoise: bool,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        z = self._model.read(lr, quality, self.scale).float()
        t = self._model.predict(z, quality, self.scale)[:, 0].float() if timesteps is None else timesteps[None]
        if denoise:
            assert noise is not None
            cells = spread_over_cells(realism * t[:, None])
            z = self._model.denoise(z, noise[None, None], cells, quality, self.scale)
        return PixelLatent.decode(z.float()), t[0]


class SecondNetwork(_TorchNetwork):
    """Architecture compact-2: realism 0 runs the reader alone."""

    takes_noise = True

    def __init__(self, model: AnyModel, scale: int, *where: Any) -> None:  # noqa: ANN401 - as in the base class
        super().__init__(model, scale, *where)
        assert isinstance(model, CompactModel)
        self._model, self.halo = model, halo(model.config, scale)

    def _run(
        self, lr: Tensor, quality: Tensor, timesteps: Tensor | None, noise: Tensor | None, realism: float, *,
        denoise: bool,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        rows, columns = (side * self.scale // TIMESTEP_TILE for side in lr.shape[-2:])
        t = lr.new_full((rows, columns), MAX_TIMESTEP) if timesteps is None else timesteps
        if not denoise or realism == 0 or self.scale not in self._model.config.denoisers:
            return self._model(lr, quality, self.scale), t
        assert noise is not None
        return self._model(lr, quality, self.scale, spread_over_cells(realism * t[None, None]), noise[None, None]), t


class TorchWriter:
    """The LR writer of one scale; always in fp32 on the CPU, so that a machine always writes one file.

    Attributes:
        halo: see `codec.models.compact.encoding.Writer`.
    """

    def __init__(self, model: AnyModel, scale: int) -> None:
        self._scale = scale
        self._writer = model.channels_last_on(torch.device("cpu")).writer(scale)
        if isinstance(model, FirstModel):
            self.halo, self._multiple = first_writer_halo(scale), scale
        else:
            self.halo, self._multiple = writer_halo(model.config, scale), writer_multiple(scale)

    @classmethod
    def load(cls, folder: Path, scale: int) -> TorchWriter:
        """From a model package.

        Raises:
            ModelError: the package is incomplete, or lacks the scale or its writer.
        """
        return cls(load_package(folder, (scale,)), scale)

    @torch.inference_mode()
    def residual(self, hr: PixelArray, quality: int) -> FloatArray:
        """See `codec.models.compact.encoding.Writer.residual`."""
        height, width = hr.shape[:2]
        whole = pad(hr, -height % self._multiple, -width % self._multiple)
        pixels = from_uint8(torch.from_numpy(whole.copy())).permute(2, 0, 1)[None]
        residual = self._writer(pixels, torch.full((1, 1, 1, 1), quality / 100))
        out: FloatArray = (residual[0] * 127.5).permute(1, 2, 0).numpy()
        return out[: height // self._scale, : width // self._scale]
