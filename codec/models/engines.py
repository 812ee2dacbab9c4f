"""Which software runs the networks of a file: the one place that decides. Without torch, unless a GPU may be there."""

from __future__ import annotations

import ctypes
import sys

from codec.errors import ModelError
from codec.models.family import Runtime
from codec.optional import has, require

#: Engines that run graphs, on a CPU.
GRAPHS = ("onnx", "openvino")
#: What a CUDA driver brings, by platform.
_DRIVERS = {"linux": "libcuda.so.1", "win32": "nvcuda.dll"}


def resolve_engine(runtime: Runtime) -> str:
    """One of "onnx", "openvino" and "torch" for a family that has graphs: auto is onnx on a CPU, torch on a GPU.

    Raises:
        ModelError: the engine named cannot do what device or precision ask for.
    """
    engine, device, dtype = runtime.engine, runtime.device, runtime.dtype
    if engine == "auto":
        on_cpu = device == "cpu" or (device == "auto" and not has_gpu())
        return "onnx" if on_cpu and dtype != "bf16" else "torch"
    if engine in GRAPHS:
        if device not in ("auto", "cpu"):
            raise ModelError(f"engine {engine} runs on the cpu, not on {device}: take the engine torch")
        if engine == "onnx" and dtype == "bf16":
            raise ModelError("engine onnx runs in fp32: take openvino or torch for bf16")
    return engine


def needs_torch(family: str, runtime: Runtime | None = None) -> None:
    """For families around Stable Diffusion, which have no graphs.

    Raises:
        ModelError: another engine than torch was asked for.
        UnsupportedError: torch, diffusers or peft is not installed.
    """
    if runtime is not None and runtime.engine in GRAPHS:
        raise ModelError(f"models of the family {family} run on torch, not on the engine {runtime.engine}")
    require("sd21", f"family {family}", "torch", "diffusers", "peft", "transformers")


def has_gpu() -> bool:
    """Whether torch is installed and finds a CUDA GPU; it is asked (which takes a second) only where a driver is."""
    driver = _DRIVERS.get(sys.platform)
    if driver is None or not has("torch"):
        return False
    try:
        ctypes.CDLL(driver)
    except OSError:
        return False
    from codec.models.device import resolve_device

    return resolve_device("auto").type != "cpu"
