"""A source of small pictures, and a job on it with the tiny model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from codec.batch.job import Job, Record, Task
from codec.batch.run import Summary, run
from codec.batch.sources import shards
from codec.batch.worker import Worker
from codec.options import EncodeOptions, EngineOptions

#: Quick, and without torch.
QUICK = {"scale": 8, "quality": 40, "effort": "fast"}


class Here:
    """Works in this process; remembers what it was asked for."""

    def __init__(self, job: Job) -> None:
        self._worker, self.asked = Worker(job), list[Task]()

    def __call__(self, shard: str, tasks: Iterable[Task]) -> Iterator[Record]:
        for task in tasks:
            self.asked.append(task)
            yield self._worker(shard, task)

    def close(self) -> None:
        pass


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ten pictures in a tree, one of them broken, and a file that is none."""
    folder, rng = tmp_path / "source", np.random.default_rng(1)
    for number in range(9):
        path = folder / ("ab"[number % 2]) / f"p{number}.{'jpg' if number % 3 else 'png'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8))
        small.resize((40 + number, 32)).save(path)
    (folder / "a" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing")
    (folder / "notes.txt").write_text("not a picture")
    return folder


@pytest.fixture
def work(tiny_package: Path, tmp_path: Path) -> Callable[..., tuple[Summary, Job]]:
    """Runs a job in this process: work(source, size=4, part=(0, 1), verb=..., ...)."""
    pytest.importorskip("pyarrow", reason="the extra batch is absent")

    def make(source: str | Path, *, size: int = 4, part: tuple[int, int] = (0, 1), **given: Any) -> tuple[Summary, Job]:
        named: dict[str, Any] = {
            "verb": "encode", "target": str(tmp_path / "out"), "encode": EncodeOptions.from_dict(QUICK),
            "engine": EngineOptions(model=str(tiny_package)),
        }  # fmt: skip
        job = Job(**(named | given))
        return run(job, shards(str(source), job, size=size), Here(job), part=part), job

    return make


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below, and when it was written."""
    return {
        str(p.relative_to(folder)): f"{hashlib.sha256(p.read_bytes()).hexdigest()} {p.stat().st_mtime_ns}"
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def manifest(target: Path) -> dict[str, dict[str, Any]]:
    """Rows of all manifests by URI; each URI once."""
    import pyarrow.parquet as pq

    rows = [row for p in sorted((target / "_tadmc").glob("*.parquet")) for row in pq.read_table(p).to_pylist()]
    assert len({row["uri"] for row in rows}) == len(rows)
    return {row["uri"]: row for row in rows}
