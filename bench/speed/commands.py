"""Whole commands from start to end, in turn, so that what else the machine does falls on all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.environment import ROOT, child_environment, python_command
from bench.errors import CodecError

SAMPLE, PHOTO = ROOT / "examples" / "sample.tadm", ROOT / "examples" / "kodim21.png"
#: What the others are compared with: what every program pays that uses PyTorch.
REFERENCE = "import torch"


def commands(engines: tuple[str, ...], work: Path) -> dict[str, list[str]]:
    """Commands by what they are called.

    Args:
        engines: that decode and encode.
        work: folder for what they write.
    """
    found = {REFERENCE: [sys.executable, "-c", "import torch"]}
    for engine in engines:
        how = ["--engine", engine, "-f", "-q"]
        found[f"decode, {engine}"] = python_command("codec", "decode", str(SAMPLE), str(work / "out.png"), *how)
        found[f"encode, {engine}"] = python_command("codec", "encode", str(PHOTO), str(work / "out.tadm"), *how)
    found["thumbnail"] = python_command("codec", "thumbnail", str(SAMPLE), "-o", str(work / "lr.png"), "-f")
    found["info"] = python_command("codec", "info", str(SAMPLE))
    return found | {"--help": python_command("codec", "--help")}


def time_commands(
    engines: tuple[str, ...], repeats: int, threads: int, progress: Callable[[int, int, str], None] = lambda *_: None
) -> list[dict[str, Any]]:
    """Seconds of every command, run one after the other, and that round again.

    Args:
        engines: that decode and encode.
        repeats: rounds.
        threads: of one process.
        progress: called after every round.

    Returns:
        Per command: its name, the least and the median of its seconds, and the median of its seconds as a part of the
        reference's in the same round.

    Raises:
        CodecError: a command failed.
    """
    with tempfile.TemporaryDirectory(prefix="bench-commands-") as folder:
        run = commands(engines, Path(folder))
        rounds = []
        for done in range(1, repeats + 1):
            rounds.append({name: _seconds(command, threads) for name, command in run.items()})
            progress(done, repeats, "commands")
    return [
        {
            "command": name,
            "min_seconds": round(min(r[name] for r in rounds), 4),
            "median_seconds": round(statistics.median(r[name] for r in rounds), 4),
            "median_ratio": round(statistics.median(r[name] / r[REFERENCE] for r in rounds), 4),
        }
        for name in run
    ]


def _seconds(command: list[str], threads: int) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=child_environment(threads))
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        raise CodecError(f"{' '.join(command[1:])} ended with {done.returncode} ({' '.join(last)})")
    return time.perf_counter() - start
