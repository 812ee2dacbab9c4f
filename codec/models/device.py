"""The only place that names devices: where to run and in which precision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from codec.errors import DeviceMemoryError, ModelError

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory")


def resolve_device(name: str = "auto") -> torch.device:
    """Device to run on. `auto` takes a CUDA GPU if there is one, otherwise the CPU.

    Args:
        name: "auto", "cpu", "cuda", "cuda:1", "mps", ...

    Raises:
        ModelError: the device is unknown or not present.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as exc:
        reason = str(exc).splitlines()[0]
        raise ModelError(f"device {name!r} cannot be used here ({reason}); auto picks one that can") from exc
    return device


def limit_memory(device: torch.device, gibibytes: float | None) -> None:
    """Let this process use at most so much of a CUDA GPU's memory; None = all of it. Other devices have no limit."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        share = 1.0 if gibibytes is None else min(1.0, gibibytes * 2**30 / total)
        torch.cuda.set_per_process_memory_fraction(share, device)


@contextlib.contextmanager
def needing_memory(
    device: torch.device, what: str, advice: str = "take dtype bf16, another device, or a larger max_vram"
) -> Iterator[None]:
    """Turns running out of memory inside into one kind of error: what did not fit, what is left, what to do.

    Only CUDA has a type of its own for it; the other allocators say so in words.

    Raises:
        DeviceMemoryError: the device has too little memory.
    """
    try:
        yield
    except RuntimeError as exc:
        words = str(exc).lower()
        if not isinstance(exc, torch.OutOfMemoryError) and not any(w in words for w in _OUT_OF_MEMORY):
            raise
        left = f" ({torch.cuda.mem_get_info(device)[0] / 2**30:.1f} GiB are free)" if device.type == "cuda" else ""
        raise DeviceMemoryError(f"device {device}: too little memory for {what}{left}; {advice}") from exc


def free_memory(device: torch.device, gibibytes: float | None = None) -> float:
    """Bytes that are free on a CUDA GPU, of what `limit_memory` allows; of other devices nothing is known: 0."""
    if device.type != "cuda":
        return 0.0
    free = float(torch.cuda.mem_get_info(device)[0])
    return free if gibibytes is None else min(free, gibibytes * 2**30 - torch.cuda.memory_allocated(device))


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """Precision to run in: "auto" = fp32 on a CPU, bf16 on a GPU; or "fp32", "bf16"."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]


def has_bf16(device: torch.device) -> bool:
    """Whether convolutions in bfloat16 are faster there than in float32: GPUs, and CPUs with instructions for it."""
    return device.type != "cpu" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def own_device(device: torch.device, number: int) -> torch.device:
    """The device of one of several processes of this machine: each has a GPU of its own, all share a CPU."""
    return device if device.type == "cpu" else torch.device(device.type, number)
