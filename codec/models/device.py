"""The only place that names devices: where to run and in which precision."""

from __future__ import annotations

import torch

from codec.errors import DeviceMemoryError, ModelError


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
        raise ModelError(f"device {name!r} cannot be used here ({reason}); --device auto picks one that can") from exc
    return device


def limit_memory(device: torch.device, gibibytes: float | None) -> None:
    """Let this process use at most so much of a CUDA GPU's memory; None = all of it. Other devices have no limit."""
    if device.type == "cuda":
        total = torch.cuda.get_device_properties(device).total_memory
        share = 1.0 if gibibytes is None else min(1.0, gibibytes * 2**30 / total)
        torch.cuda.set_per_process_memory_fraction(share, device)


def too_little_memory(
    device: torch.device, what: str, advice: str = "take --dtype bf16, another --device, or a larger --max-vram"
) -> DeviceMemoryError:
    """The error that says what did not fit, how much a CUDA GPU has left, and what to do."""
    left = f" ({torch.cuda.mem_get_info(device)[0] / 2**30:.1f} GiB are free)" if device.type == "cuda" else ""
    return DeviceMemoryError(f"device {device}: too little memory for {what}{left}; {advice}")


def is_out_of_memory(exc: RuntimeError) -> bool:
    """Whether a device ran out of memory: only CUDA has a type of its own for it, others say so in words."""
    words = str(exc).lower()
    return isinstance(exc, torch.OutOfMemoryError) or "out of memory" in words or "can't allocate memory" in words


def resolve_dtype(name: str, device: torch.device) -> torch.dtype:
    """Precision to run in: "auto" = fp32 on a CPU, bf16 on a GPU; or "fp32", "bf16"."""
    if name == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[name]
