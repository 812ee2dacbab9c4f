"""The same on Ray Data: a local cluster of two workers, one of them killed in the middle."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from codec.batch.job import Job
from codec.batch.run import run
from codec.batch.sources import shards
from codec.options import EncodeOptions, EngineOptions
from tests.batch.conftest import QUICK, digests
from tests.batch.test_killed import DEADLY, check, photographs

pytest.importorskip("ray.data", reason="the extra batch-ray is absent")
pytestmark = [pytest.mark.long, pytest.mark.timeout(1800), pytest.mark.filterwarnings("default")]


@pytest.fixture
def job(tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY)
    paths = [str(tmp_path / "site"), str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    return Job(
        verb="encode", target=str(tmp_path / "out"), encode=EncodeOptions.from_dict(QUICK),
        engine=EngineOptions(model=str(tiny_package)),
    )  # fmt: skip


@pytest.fixture
def ray(job: Job) -> Iterator[Any]:
    from codec.batch.ray_data import RayData

    made = RayData(job, 2)
    yield made
    made.close()


def actors() -> list[int]:
    """Processes of the workers that hold models."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if words.startswith(b"ray::MapWorker") or b"ray::MapWorker" in words[:40]:
            found.append(int(path.name))
    return found


def test_a_worker_killed_in_the_middle(job: Job, ray: Any, tmp_path: Path, tiny_package: Path) -> None:
    """And a picture that kills its worker every time: it fails alone."""
    count = int(os.environ.get("TADMC_RAY_COUNT", "1000"))
    source = photographs(tmp_path / "source", count)
    before, killed = digests(source), list[int]()

    def kill_once(_: object) -> None:
        if not killed and len(list((tmp_path / "out").rglob("*.tadm"))) > count // 3:
            killed.extend(actors()[:1])
            if killed:
                os.kill(killed[0], signal.SIGKILL)

    summary = run(job, shards(str(source), job, size=count), ray, on_record=kill_once)
    assert killed
    assert (summary.count, summary.failed) == (count, 0)
    assert digests(source) == before
    check(source, tmp_path / "out", count, tiny_package)


def test_a_picture_that_kills_its_worker(job: Job, ray: Any, tmp_path: Path) -> None:
    source = photographs(tmp_path / "source", 12)
    (source / "0" / "deadly.png").write_bytes(b"DEADLY")
    summary = run(job, shards(str(source), job, size=100), ray)
    assert (summary.count, summary.failed) == (13, 1)
