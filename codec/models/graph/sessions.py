"""Running ONNX graphs on a CPU: ONNX Runtime, or OpenVINO where that extra is installed."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codec.errors import DeviceMemoryError
from codec.optional import need

#: From inputs by name to the output.
Run = Callable[[dict[str, npt.NDArray[Any]]], npt.NDArray[Any]]
#: How the runtimes say that memory is too small.
_OUT_OF_MEMORY = ("failed to allocate", "bad_alloc", "out of memory", "can't allocate", "cannot allocate")


class Session:
    """One graph with one output; loaded when it is first run. May be used from several threads."""

    def __init__(self, model: bytes, engine: str, dtype: str) -> None:
        """Prepare.

        Args:
            model: an ONNX model.
            engine: "onnx" or "openvino".
            dtype: "fp32", or "bf16" (openvino).
        """
        self._model: bytes | None = model
        self._engine, self._dtype = engine, dtype
        self._lock = threading.Lock()
        self._run: Run | None = None

    def run(self, **inputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The output for these inputs.

        Raises:
            DeviceMemoryError: there is too little memory.
        """
        with self._lock:
            if self._model is not None:
                opened = open_onnx if self._engine == "onnx" else open_openvino
                self._run, self._model = opened(self._model, self._dtype), None
        assert self._run is not None
        try:
            return self._run(inputs)
        except (RuntimeError, MemoryError) as exc:
            words = str(exc).lower()
            if not isinstance(exc, MemoryError) and not any(w in words for w in _OUT_OF_MEMORY):
                raise
            raise DeviceMemoryError("device cpu: too little memory; a smaller picture or region may fit") from exc


def threads() -> int:
    """Threads of a graph: what OMP_NUM_THREADS says, else the cores that this process may use."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    if said.isascii() and said.isdigit() and int(said):
        return int(said)
    affinity = getattr(os, "sched_getaffinity", None)
    here = len(affinity(0)) if affinity else os.cpu_count() or 1
    try:
        doubled = Path("/sys/devices/system/cpu/smt/active").read_text().strip() == "1"
    except OSError:
        doubled = False
    return max(1, here // 2) if doubled else here


def open_onnx(model: bytes, dtype: str) -> Run:
    """An ONNX model on ONNX Runtime, in fp32 whatever the dtype says."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads(), 1
    # pieces differ in size: an arena would keep the largest of everything, a pattern one plan a size
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.log_severity_level = 3
    # threads that wait for nothing take time from those of others
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0]


def open_openvino(model: bytes, dtype: str) -> Run:
    """An ONNX model on OpenVINO.

    Raises:
        UnsupportedError: it is not installed.
    """
    openvino = need("openvino", "openvino", "the engine openvino")
    core = openvino.Core()
    config = {
        "INFERENCE_PRECISION_HINT": {"fp32": "f32", "bf16": "bf16"}[dtype],
        "INFERENCE_NUM_THREADS": threads(),
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = core.compile_model(core.read_model(model), "CPU", config)

    def run(inputs: dict[str, npt.NDArray[Any]]) -> npt.NDArray[Any]:
        request = compiled.create_infer_request()
        arrays = {name: np.ascontiguousarray(array) for name, array in inputs.items()}
        return np.array(request.infer(arrays)[compiled.output(0)])

    return run
