"""Where and with what a result was measured: enough to repeat it, nothing that names the machine or its user."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from PIL import features

import codec
from bench.codecs.base import CodecOptions
from bench.codecs.tadm import model_id, scales

#: Packages whose version may move a figure.
_PACKAGES = (
    "bjontegaard", "matplotlib", "numpy", "onnxruntime", "openvino", "pillow", "pillow-heif", "pillow-jxl-plugin",
    "pyiqa", "scipy", "ssimulacra2", "torch",
)  # fmt: skip
_LIBRARIES = ("avif", "jpg", "webp", "zlib")
ROOT = Path(__file__).resolve().parent.parent


def describe(options: CodecOptions, threads: int) -> dict[str, Any]:
    """The environment block of a results file.

    Args:
        options: model and device of ours.
        threads: that one process of the bench computes with.
    """
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "tadmc": codec.__version__,
        "models": {str(scale): model_id(scale, options.model) for scale in scales(options.model)},
        "device": device_name(options.device),
        "cpu": cpu_name(),
        "cores": os.cpu_count() or 1,
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "libraries": {name: str(version) for name in _LIBRARIES if (version := _feature(name))},
    }


def commit() -> str | None:
    """The checkout's commit, with "+changes" if files differ from it; None outside a checkout."""
    head = _git("rev-parse", "HEAD")
    if not head:
        return None
    return head + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")


def device_name(device: str) -> str:
    """What ours runs on: the GPU's name, or the kind of device.

    Raises:
        ModelError: it is not here.
    """
    import torch  # only here: parts of the bench that compute nothing should start at once

    from codec.models.device import resolve_device

    where = resolve_device(device)
    return torch.cuda.get_device_name(where) if where.type == "cuda" else where.type


def cpu_name() -> str:
    """The processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.lower().startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def child_environment(threads: int) -> dict[str, str]:
    """Environment of a child process that must find this package and compute with so many threads."""
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    return {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": str(threads), "PYTHONUNBUFFERED": "1"}


def python_command(module: str, *arguments: str) -> list[str]:
    """Command that runs a module of this project in a new interpreter."""
    return [sys.executable, "-m", module, *arguments]


def threads_for(jobs: int) -> int:
    """Threads a process may use when so many run at once; OMP_NUM_THREADS, where set, is obeyed."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdigit() and int(asked) > 0 else max(1, (os.cpu_count() or 1) // jobs)


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False, timeout=30
        )
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _feature(name: str) -> str | None:
    return features.version(name) if features.check(name) else None
