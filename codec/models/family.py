"""What a family of models is: the protocol behind which `compact` and `sd21` stand, and every family to come.

A `Family` is one static object without any weights and without torch: it says what packages of its own hold and how
files of its tile grid preset are made and rebuilt. It loads two kinds of networks, ready to run:

    encode:  rows of a photograph -> LrEncoder -> strips of LR
    decode:  StoredLr -> Restorer -> pieces of the photograph
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from codec.arrays import FloatArray, PixelArray, Progress
from codec.errors import FormatError, InputError
from codec.geometry import Box, Size
from codec.image.rows_in import RowSource
from codec.options import DecodeOptions, EncodeOptions
from codec.tiling.pieces import Piece


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """Where and how networks run, as asked for; see `codec.options.EngineOptions`.

    Attributes:
        device: "auto", "cpu", "cuda", ...
        dtype: "auto", "fp32" or "bf16".
        max_vram: GiB of GPU memory to use at most; None = all of it.
        compile: whether large networks are compiled first.
        engine: "auto", "onnx", "openvino" or "torch".
    """

    device: str = "auto"
    dtype: str = "auto"
    max_vram: float | None = None
    compile: bool = False
    engine: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one file is to be rebuilt.

    Attributes:
        size: of the photograph.
        quality: of the payload, 0..100, 100 = lossless.
        options: what the user decides; `realism` is a number here.
        timesteps: the file's own timestep map, float32 [rows, columns], in the family's grid; None = predict.
    """

    size: Size
    quality: int
    options: DecodeOptions
    timesteps: FloatArray | None = None


class Lr(Protocol):
    """The stored LR picture, wherever it is looked at; see `codec.lr.StoredLr`."""

    def crop(self, box: Box) -> PixelArray:
        """Part of the LR, uint8 [box.height, box.width, 3]; extended by reflection at the right and bottom."""


class LrEncoder(Protocol):
    """A family's way down: the LR of a photograph."""

    def told(self, quality: int) -> int | None:
        """What the LR is told of the payload's quality: where that is equal, so are LRs. None = nothing."""

    def strips(self, rows: RowSource, height: int, quality: int) -> Iterator[PixelArray]:
        """The LR in strips.

        Args:
            rows: the photograph.
            height: LR rows of a strip.
            quality: of the payload, 0..100, 100 = lossless.

        Yields:
            uint8 [height, ceil(W/scale), 3]; the last one may be lower.
        """


class Restorer(Protocol):
    """A family's way up: the photograph of an LR, for one scale, on one device.

    Attributes:
        timestep_tile: side in HR pixels of a tile of the timestep map; None = every piece has the map of the whole
            picture.
    """

    @property
    def timestep_tile(self) -> int | None:
        """See the class."""

    def pieces(self, lr: Lr, recipe: Recipe, area: Box, *, streamed: bool, on_progress: Progress) -> Iterator[Piece]:
        """Run the networks over an area.

        Args:
            lr: the stored LR.
            recipe: how.
            area: part of the photograph to rebuild, in HR pixels.
            streamed: give small pieces where the family can, so that memory does not grow with the area.
            on_progress: called with (pieces done, pieces in all).

        Yields:
            Pieces that fill the area, row by row; each row of pieces is complete before the next begins.

        Raises:
            DeviceMemoryError: the device has too little memory even for the smallest piece.
        """


class Family(Protocol):
    """One family of models.

    Attributes:
        name: in `config.json` of its packages.
        preset: number of the tile grid of its files; it also names the way of decoding.
        largest_timestep: that users may fix.
        has_timestep_map: whether its files may carry one (chunk `tmap`).
        looks: whether rebuilding some squares of a photograph is quick enough to choose settings by while encoding;
            its scales are powers of two then.
    """

    name: str
    preset: int
    largest_timestep: float
    has_timestep_map: bool
    looks: bool

    def scales(self, config: dict[str, Any]) -> tuple[int, ...]:
        """Scales that a package can decode.

        Raises:
            ModelError: its config does not say.
        """

    def reads_pictures(self, config: dict[str, Any]) -> bool:
        """Whether a package restores any LR picture, whoever made it, and its own LR is such a picture.

        TADM's holds more, and only its own decoder can make use of that.

        Args:
            config: of the package; empty = whatever package a file of the family may have been written for.
        """

    def parts(self, config: dict[str, Any], scale: int) -> tuple[str, ...]:
        """Names of the files (without their ending) that decoding one scale needs, in the order of the model id."""

    def identity(self, config: dict[str, Any]) -> dict[str, Any]:
        """What of a config decides how a file is decoded: part of the model id."""

    def default_realism(self, config: dict[str, Any]) -> float:
        """What a package recommends where the user says nothing, 0..1."""

    def generates(self, config: dict[str, Any], scale: int, options: DecodeOptions) -> bool:
        """Whether rebuilding draws texture that the LR does not hold; False where it is plain regression.

        Args:
            config: of the package.
            scale: of the file.
            options: what the user decides; `realism` is a number here.
        """

    def settle(self, config: dict[str, Any], options: EncodeOptions) -> EncodeOptions:
        """Options without a target, with this family's choice of scale, payload and quality in place of None.

        Raises:
            InputError: an option has no meaning for this package.
        """

    def timestep_grid(self, size: Size) -> Size:
        """Columns and rows of the timestep map of a picture."""

    def load_encoder(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> LrEncoder:
        """The way down of a package, ready to run.

        Raises:
            ModelError: the package is incomplete, or the device is not here.
        """

    def load_restorer(self, folder: Path, config: dict[str, Any], scale: int, runtime: Runtime) -> Restorer:
        """The way up of a package, ready to run.

        Raises:
            ModelError: the package is incomplete, or the device is not here.
            DeviceMemoryError: the device has too little memory for it.
        """

    def verify(self, folder: Path, config: dict[str, Any]) -> None:
        """Load every part of a package and compare it with its config.

        Raises:
            ModelError: something is missing, broken, or not what it was.
        """


def timestep_map(family: Family, size: Size, levels: bytes) -> FloatArray:
    """The map that a file carries, one byte t' a tile: t = 10 + 190 t' / 255.

    Raises:
        FormatError: it has another number of tiles than the picture, or files of this family have none.
    """
    if not family.has_timestep_map:
        raise FormatError(f"chunk 'tmap': files of tile grid preset {family.preset} have none")
    grid = family.timestep_grid(size)
    if len(levels) != grid.pixels:
        raise FormatError(f"chunk 'tmap': {len(levels)} timesteps, the picture has {grid.pixels} tiles")
    stored = np.frombuffer(levels, np.uint8).astype(np.float32)
    return (10 + 190 * stored / 255).reshape(grid.height, grid.width).astype(np.float32)


def given_timesteps(family: Family, recipe: Recipe) -> FloatArray | None:
    """The user's fixed timestep, else the file's own map, else None.

    Raises:
        InputError: the fixed one is beyond the family's range.
    """
    fixed = recipe.options.fixed_timestep
    if fixed is None:
        return recipe.timesteps
    if fixed > family.largest_timestep:
        raise InputError(
            f"fixed_timestep is {fixed:g}, models of the family {family.name} take 0..{family.largest_timestep:g}"
        )
    grid = family.timestep_grid(recipe.size)
    return np.full((grid.height, grid.width), fixed, np.float32)


def settled(
    options: EncodeOptions, *, scale: int, payload: str, quality: int, lossless: Sequence[str]
) -> EncodeOptions:
    """Options with these in place of None; a lossless payload has no quality."""
    chosen = options.payload or payload
    given = quality if options.quality is None else options.quality
    return replace(options, scale=options.scale or scale, payload=chosen, quality=None if chosen in lossless else given)
