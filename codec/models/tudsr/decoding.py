"""TUDSR's way up: from any LR picture to the photograph in one or two passes, on one device. Tile grid preset 3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.arrays import FloatArray, PixelArray, Progress, no_progress
from codec.geometry import Box, Size
from codec.models.device import free_memory, limit_memory, needing_memory, resolve_device, resolve_dtype
from codec.models.family import Lr, Recipe, Runtime
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.decoding import Sd21Restorer
from codec.models.sd21.running import first_batch, with_less
from codec.models.tudsr.after_tadm import first_picture, load_first
from codec.models.tudsr.config import timesteps_of
from codec.models.tudsr.geometry import before, enlarged_size, extended_lr, seen
from codec.models.tudsr.package import load_package
from codec.models.tudsr.passes import REACH, Network, Part, Pass
from codec.models.tudsr.pipeline import TudsrPipeline
from codec.models.tudsr.switching import unet_bytes
from codec.tiling.pieces import Piece

#: Memory that has to be free beside one more U-Net before there is one.
_SPARE_BYTES = 8 * 2**30


class TudsrRestorer:
    """See `codec.models.family.Restorer`. It knows no noise: timesteps alone decide how much is invented."""

    timestep_tile = None

    def __init__(
        self, pipeline: TudsrPipeline, *, first: Sd21Restorer | None = None, batch: int | None = None,
        max_vram: float | None = None,
    ) -> None:  # fmt: skip
        self._pipeline, self._first, self._max_vram = pipeline, first, max_vram
        self._batch = batch or first_batch(pipeline.device)

    @classmethod
    def load(cls, folder: Path, runtime: Runtime) -> TudsrRestorer:
        """From a model package.

        On a GPU with memory to spare every pass has a U-Net of its own, its adapter folded in; elsewhere all share one.

        Raises:
            ModelError: the package or its backbone is incomplete, or the device is not here.
            DeviceMemoryError: the device has too little memory for it.
        """
        device = resolve_device(runtime.device)
        dtype = resolve_dtype(runtime.dtype, device)
        limit_memory(device, runtime.max_vram)
        with needing_memory(device, "the model"):
            pipeline = load_package(folder)
            passes = len(pipeline.config.adapters)
            needed = passes * unet_bytes(pipeline.denoisers, dtype) + _SPARE_BYTES
            if passes == 1 or free_memory(device, runtime.max_vram) > needed:
                pipeline.denoisers.merge()
            pipeline.place(device, dtype)
        if runtime.compile:
            pipeline.compile_networks()
        first = load_first(folder, runtime) if pipeline.config.first == "tadm" else None
        return cls(pipeline, first=first, max_vram=runtime.max_vram)

    def pieces(self, lr: Lr, recipe: Recipe, area: Box, *, streamed: bool, on_progress: Progress) -> Iterator[Piece]:
        """See `codec.models.family.Restorer.pieces`: only tiles that the area touches are run, a row at a time."""
        limit_memory(self._pipeline.device, self._max_vram)
        config, options = self._pipeline.config, recipe.options
        size = extended_lr(recipe.size, config.scale, config.split[0])
        realism = 1.0 if options.realism is None else options.realism
        if self._first is not None:
            yield from self._after_first(self._first, lr, recipe, size, area, on_progress)
            return
        times = timesteps_of(config.timesteps, realism, options.fixed_timestep)
        used = len(config.split) if options.passes is None else min(options.passes, len(config.split))
        run = self.passes(times, denoise=options.denoise, used=used)
        shown = np.array([times[:used]], np.float32)
        pixels = lr.crop(Box(0, 0, size.width, size.height))
        yield from self._pieces(pixels, run, area, shown, on_progress)

    def _after_first(
        self, first: Sd21Restorer, lr: Lr, recipe: Recipe, size: Size, area: Box, on_progress: Progress
    ) -> Iterator[Piece]:
        """`pieces` where the first pass is TADM's: its picture, enlarged; a fixed timestep is its own."""
        config, options = self._pipeline.config, recipe.options
        pixels, shown = first_picture(first, lr, recipe, enlarged_size(size, config.split[0]))
        (t,) = timesteps_of(config.timesteps, 1.0 if options.realism is None else options.realism)
        preview = options.passes == 1
        second = Pass(config.split[1], "bilinear", None if preview else self.network(0, t, denoise=options.denoise))
        shown = shown if preview else np.array([[t]], np.float32)
        yield from self._pieces(pixels, (second,), area, shown, on_progress)

    def _pieces(
        self, lr: PixelArray, passes: Sequence[Pass], area: Box, shown: FloatArray, on_progress: Progress
    ) -> Iterator[Piece]:
        y = area.y
        for rows in self.rows(lr, passes, area, on_progress):
            yield Piece(box=Box(area.x, y, area.width, rows.shape[0]), pixels=rows, timesteps=shown)
            y += rows.shape[0]

    def passes(self, times: Sequence[int], *, denoise: bool = True, used: int = 2) -> tuple[Pass, ...]:
        """The model's passes, ready to run.

        Args:
            times: timestep of each.
            denoise: False leaves the U-Net out of both.
            used: 1 = only the first; what the second would do is left to its enlargement.
        """
        split = self._pipeline.config.split
        return tuple(
            Pass(
                factor, "bilinear" if number else "bicubic",
                self.network(number, times[number], denoise=denoise) if number < used else None,
            )
            for number, factor in enumerate(split)
        )  # fmt: skip

    def network(self, number: int, t: int, *, denoise: bool = True) -> Network:
        """A pass over tiles, as many at a time as memory holds."""
        device = self._pipeline.device

        def run(x: Tensor) -> Tensor:
            def some(batch: int) -> Tensor:
                return torch.cat([self._pipeline(number, part, t, denoise=denoise) for part in x.split(batch)])

            return with_less(self._batch, device, some)

        return run

    def rows(
        self, lr: PixelArray, passes: Sequence[Pass], area: Box, progress: Progress = no_progress
    ) -> Iterator[PixelArray]:
        """Rows of an area as they become complete, uint8 [n, area.width, 3].

        Args:
            lr: uint8 [h, w, 3]; its sides times the first factor are multiples of 64.
            passes: from the LR up.
            area: of the photograph.
            progress: called with (tiles done, tiles in all) of the last pass.

        Raises:
            DeviceMemoryError: the device has too little memory even for one tile at a time.
        """
        size = Size(lr.shape[1], lr.shape[0])
        with torch.inference_mode():
            stored = torch.from_numpy(np.ascontiguousarray(lr)).to(self._pipeline.device)
            whole = Box(0, 0, size.width, size.height)
            part = Part(from_uint8(stored.permute(2, 0, 1)[None]), whole, size)
            for step, needed in zip(passes[:-1], _needed(passes, size, area), strict=True):
                part = step.whole(part, needed)
        made = passes[-1].rows(part, area, progress)
        while True:
            with torch.inference_mode():  # not across a yield: it is this thread's mode
                rows = next(made, None)
                if rows is None:
                    return
                pixels = to_uint8(rows).permute(1, 2, 0).contiguous().cpu().numpy()
            yield pixels


def _needed(passes: Sequence[Pass], size: Size, area: Box) -> list[Box]:
    """What each pass but the last has to fill so that the last can fill an area."""
    sizes = [size]
    for step in passes[:-1]:
        sizes.append(enlarged_size(sizes[-1], step.factor))
    found: list[Box] = []
    for step, its_size in zip(reversed(passes[1:]), reversed(sizes[1:]), strict=True):
        area = before(seen(step.plan(its_size), area), its_size, step.factor, REACH[step.kernel])
        found.append(area)
    return found[::-1]
