"""The engine: where networks run, which models they are of, and those that are loaded. The only cache of models."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from codec.container.file import Header
from codec.errors import InputError
from codec.models import store
from codec.models.family import LrEncoder, Restorer, Runtime
from codec.models.package import Package
from codec.models.registry import family_of_preset
from codec.options import EngineOptions

#: Networks held at once by default: every scale of one model, both ways.
_KEPT = 12
_T = TypeVar("_T")
#: Role, folder, scale, and when its files were last written.
_Key = tuple[str, Path, int, tuple[int, ...]]


class Engine:
    """Device, precision, memory budget and loaded models. Two engines do not disturb one another; one may be used from
    several threads.

        with codec.Engine(device="cuda", max_vram=4) as engine:
            for path in paths:
                codec.decode(path, engine=engine).save(path.with_suffix(".png"))
    """

    def __init__(
        self, *, device: str = "auto", dtype: str = "auto", max_vram: float | None = None, compile: bool = False,
        model: str | os.PathLike[str] | None = None, any_model: bool = False, engine: str = "auto",
        kept: int = _KEPT,
    ) -> None:  # fmt: skip
        """Prepare; nothing is loaded yet. See `codec.options.EngineOptions` for the options.

        Args:
            device: "auto", "cpu", "cuda", "cuda:1", ...
            dtype: "auto", "fp32" or "bf16".
            max_vram: GiB of GPU memory to use at most.
            compile: compile large networks first.
            model: name or folder of a model package to use.
            any_model: decode with another model of the same family and scale when the file's own is not there.
            engine: "auto", "onnx", "openvino" or "torch".
            kept: networks held in memory at once; the least recently used one leaves first.

        Raises:
            InputError: an option has a wrong value.
        """
        self.options = EngineOptions(
            device=device, dtype=dtype, max_vram=max_vram, compile=compile, model=model, any_model=any_model,
            engine=engine,
        )  # fmt: skip
        if kept < 1:
            raise InputError(f"kept is {kept}, expected at least 1")
        self._runtime = Runtime(
            device=device, dtype=dtype, max_vram=self.options.max_vram, compile=compile, engine=engine
        )
        self._kept, self._loaded = kept, OrderedDict[_Key, Any]()
        self._lock, self._closed = threading.RLock(), False

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of all loaded models; the engine cannot be used any more."""
        with self._lock:
            self._loaded.clear()
            self._closed = True

    def packages(self) -> list[Package]:
        """Those that new files may be written for.

        Raises:
            ModelError: the named one is not here.
        """
        return store.for_encoding(self.options.model)

    def package_for(self, header: Header) -> Package:
        """The package that a file asks for.

        Raises:
            ModelError: it is not here.
            UnsupportedError: the file has a tile grid preset that this version does not know.
        """
        family = family_of_preset(header.grid)
        options = self.options
        return store.for_decoding(
            header.model_id, header.scale, family, model=options.model, any_model=options.any_model
        )

    def encoder(self, package: Package, scale: int) -> LrEncoder:
        """The way down of a package at a scale, loaded once.

        Raises:
            ModelError: the package is incomplete, or the device is not here.
        """
        return self._once("encoder", package, scale, lambda: package.load_encoder(scale, self._runtime))

    def restorer(self, package: Package, scale: int) -> Restorer:
        """The way up of a package at a scale, loaded once.

        Raises:
            ModelError: the package is incomplete, or the device is not here.
            DeviceMemoryError: the device has too little memory for it.
        """
        return self._once("restorer", package, scale, lambda: package.load_restorer(scale, self._runtime))

    def _once(self, role: str, package: Package, scale: int, load: Callable[[], _T]) -> _T:
        key = (role, package.folder.resolve(), scale, package.state(scale))
        # one thread loads; others that want the same wait for it instead of loading it again
        with self._lock:
            if self._closed:
                raise InputError("this engine is closed")
            if key not in self._loaded:
                while len(self._loaded) >= self._kept:
                    self._loaded.popitem(last=False)
                self._loaded[key] = load()
            self._loaded.move_to_end(key)
            found: _T = self._loaded[key]
            return found


_DEFAULTS: OrderedDict[EngineOptions, Engine] = OrderedDict()
_DEFAULTS_LOCK = threading.Lock()
#: Engines of the plain functions held at once.
_MOST_DEFAULTS = 2


def default_engine(options: EngineOptions) -> Engine:
    """The engine that the plain functions share for these options; it stays until others have taken its place."""
    with _DEFAULTS_LOCK:
        if options not in _DEFAULTS:
            while len(_DEFAULTS) >= _MOST_DEFAULTS:
                _DEFAULTS.popitem(last=False)  # whoever still uses it keeps it alive
            _DEFAULTS[options] = Engine(**options.to_dict())
        _DEFAULTS.move_to_end(options)
        return _DEFAULTS[options]
