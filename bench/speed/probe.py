"""One measurement in a fresh process: imports, a first call, repeated calls, and the memory they took.

    python -m bench.speed.probe '{"what": "encode", "codec": spec, "setting": n, "options": fields of CodecOptions,
                                  "pixels": path of a .npy, "coded": path, "repeats": n}'

Prints one JSON object. Cold is the first call, with everything it imports and loads but without starting Python; warm
is the median of the calls after it. Memory is the largest resident size of this process, and on a GPU what PyTorch
held.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.photos import Photo


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Do what a request asks; see the module."""
    pixels = np.load(request["pixels"], mmap_mode=None if request["what"] == "encode" else "r")
    height, width = pixels.shape[:2]
    baseline = resident_bytes()
    start = time.perf_counter()
    from bench.codecs.base import CodecOptions, Expected
    from bench.codecs.registry import make

    codec = make(request["codec"], CodecOptions(**request["options"]))
    coded = Path(request["coded"])
    if request["what"] == "encode":
        photo = Photo("picture", pixels)

        def call() -> bytes:
            return codec.encode(photo, request["setting"])

    else:
        data, expected = coded.read_bytes(), Expected(name="picture", width=width, height=height)

        def call() -> bytes:
            codec.decode(data, expected)
            return data

    result = call()
    _wait_for_gpu()
    cold = time.perf_counter() - start
    if request["what"] == "encode":
        coded.write_bytes(result)
    times = [_timed(call) for _ in range(request["repeats"])]
    return {
        "cold_seconds": cold, "warm_seconds": statistics.median(times), "bytes": len(result),
        "peak_bytes": peak_bytes(), "baseline_bytes": baseline, "gpu_bytes": _gpu_bytes(),
    }  # fmt: skip


def peak_bytes() -> int:
    """Largest resident size of this process so far.

    Linux's own counter of the process is read where there is one: `getrusage` would also count what the parent had
    mapped between fork and exec.
    """
    found = _status("VmHWM")
    if found is not None:
        return found
    import resource  # not on Windows

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def resident_bytes() -> int:
    """Resident size of this process now; the peak where the system does not tell."""
    found = _status("VmRSS")
    return peak_bytes() if found is None else found


def _status(name: str) -> int | None:
    path = Path("/proc/self/status")
    if path.exists():
        for line in path.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None


def _timed(call: Callable[[], bytes]) -> float:
    _wait_for_gpu()
    start = time.perf_counter()
    call()
    _wait_for_gpu()
    return time.perf_counter() - start


def _wait_for_gpu() -> None:
    """Kernels run behind Python's back: a time is only true once the GPU has finished."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _gpu_bytes() -> int | None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return None


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not end up in the answer
    answers.write(json.dumps(measure(json.loads(sys.argv[1]))) + "\n")
    answers.close()
