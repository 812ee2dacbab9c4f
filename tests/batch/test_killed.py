"""What a killed process takes with it: nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec
from codec.batch.job import Job
from codec.batch.local import Local
from codec.batch.run import run
from codec.batch.sources import shards
from codec.options import EncodeOptions, EngineOptions
from tests.batch.conftest import QUICK, digests, manifest

pytest.importorskip("pyarrow", reason="the extra batch is absent")


def photographs(folder: Path, count: int) -> Path:
    """Pictures that differ."""
    rng = np.random.default_rng(count)
    for number in range(count):
        path = folder / f"{number % 7}" / f"p{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (6, 8, 3), np.uint8)).resize((64, 48)).save(path)
    return folder


def command(source: Path, target: Path, model: Path, *more: str) -> list[str]:
    words = [f"--{k}={v}" for k, v in QUICK.items()]
    return [sys.executable, "-m", "codec", "batch", "encode", str(source), str(target), "--workers=2", "--json", "-q",
            "--shard-size=300", f"--model={model}", *words, *more]  # fmt: skip


def made(target: Path) -> int:
    return sum(1 for _ in target.rglob("*.tadm"))


def check(source: Path, target: Path, count: int, model: Path) -> None:
    """One right result a source, one row of the manifest, nothing else."""
    rows = manifest(target)
    assert len(rows) == count
    assert not any(row["error"] for row in rows.values())
    assert {str(p) for p in target.rglob("*") if p.is_file() and "_tadmc" not in p.parts} == {
        str(target / row["name"]) for row in rows.values()
    }
    for uri in list(rows)[:: max(1, count // 20)]:
        want = codec.encode(uri, options=EncodeOptions.from_dict(QUICK), model=str(model))
        assert (target / rows[uri]["name"]).read_bytes() == want
    assert all((target / row["name"]).stat().st_size == row["bytes"] for row in rows.values())
    assert not list((target / "_tadmc").glob("*.jsonl"))


@pytest.mark.parametrize(
    ("count", "times"), [(40, 1), pytest.param(1000, 3, marks=[pytest.mark.long, pytest.mark.timeout(1800)])]
)
@pytest.mark.slow
def test_kill_9_at_a_random_moment(count: int, times: int, tiny_package: Path, tmp_path: Path) -> None:
    source, target, rng = photographs(tmp_path / "source", count), tmp_path / "out", random.Random()
    before = digests(source)
    total = 0
    for _ in range(times):
        already = made(target)
        left = already + rng.randint(1, max(1, (count - already) // 2))
        running = subprocess.Popen(command(source, target, tiny_package), start_new_session=True)
        while made(target) < left and running.poll() is None:
            time.sleep(0.02)
        os.killpg(running.pid, signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL, "it was through before it could be killed"
    total = made(target)
    done = subprocess.run(command(source, target, tiny_package), check=True, capture_output=True, timeout=1500)
    summary = json.loads(done.stdout)
    assert summary["count"] == count
    # what was made and written down is not made again; of what was under work at most the samples of two workers
    assert count - total <= summary["worked"] <= count - total + 4 * (times + 1)
    assert digests(source) == before
    check(source, target, count, tiny_package)


@pytest.mark.slow
def test_ctrl_c(tiny_package: Path, tmp_path: Path) -> None:
    """One line, no traceback of anybody; and it goes on."""
    source, target = photographs(tmp_path / "source", 60), tmp_path / "out"
    running = subprocess.Popen(
        command(source, target, tiny_package), start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    while made(target) < 5 and running.poll() is None:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGINT)
    said = running.communicate(timeout=100)[1]
    assert running.returncode != 0
    assert "the same command goes on" in said
    assert "Traceback" not in said
    left = 60 - made(target)
    done = subprocess.run(command(source, target, tiny_package), check=True, capture_output=True, timeout=100)
    assert left <= json.loads(done.stdout)["worked"] <= left + 6  # those under work when it was stopped
    check(source, target, 60, tiny_package)


def status(process: Path) -> str:
    try:
        return (process / "status").read_text()
    except OSError:
        return ""


def test_workers_end_with_their_parent(tiny_package: Path, tmp_path: Path) -> None:
    if not Path("/proc").is_dir():
        pytest.skip("no /proc to find processes in")
    source, target = photographs(tmp_path / "source", 60), tmp_path / "out"
    running = subprocess.Popen(command(source, target, tiny_package))
    while made(target) < 2 and running.poll() is None:
        time.sleep(0.02)
    children = [p for p in Path("/proc").glob("[0-9]*") if f"PPid:\t{running.pid}\n" in status(p)]
    assert len(children) >= 2
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    end = time.monotonic() + 60
    while alive := [p for p in children if "State:" in status(p) and "State:\tZ" not in status(p)]:
        assert time.monotonic() < end, alive
        time.sleep(0.1)


@pytest.fixture
def runner(tiny_package: Path, tmp_path: Path) -> Iterator[tuple[Job, Local]]:
    job = Job(
        verb="encode", target=str(tmp_path / "out"), encode=EncodeOptions.from_dict(QUICK),
        engine=EngineOptions(model=str(tiny_package)),
    )  # fmt: skip
    made = Local(job, 2)
    yield job, made
    made.close()


@pytest.mark.slow
def test_a_worker_that_is_killed(runner: tuple[Job, Local], tiny_package: Path, tmp_path: Path) -> None:
    job, local = runner
    source, killed = photographs(tmp_path / "source", 24), list[int]()

    def kill_once(_: object) -> None:
        if not killed and local._pool is not None:
            killed.append(next(iter(local._pool._processes)))
            os.kill(killed[0], signal.SIGKILL)

    summary = run(job, shards(str(source), job, size=100), local, on_record=kill_once)
    assert killed
    assert (summary.count, summary.failed) == (24, 0)
    check(source, tmp_path / "out", 24, tiny_package)


def test_what_a_killed_writer_left_goes(runner: tuple[Job, Local], tiny_package: Path, tmp_path: Path) -> None:
    job, local = runner
    source = photographs(tmp_path / "source", 2)
    name = next(iter(sorted(source.rglob("*.png")))).relative_to(source).with_suffix(".tadm")
    left = tmp_path / "out" / name.parent / f".{name.name}.abc123.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    run(job, shards(str(source), job, size=100), local)
    check(source, tmp_path / "out", 2, tiny_package)


DEADLY = """
import os
from PIL import Image
Image.register_open("DEADLY", lambda *a: os._exit(9), lambda prefix: prefix.startswith(b"DEADLY"))
"""


@pytest.mark.slow
def test_a_picture_that_kills_its_worker(
    runner: tuple[Job, Local], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails alone, and those beside it are done."""
    job, local = runner
    source = photographs(tmp_path / "source", 6)
    (source / "0" / "deadly.png").write_bytes(b"DEADLY")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(DEADLY)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]))
    summary = run(job, shards(str(source), job, size=100), local)
    assert (summary.count, summary.failed) == (7, 1)
    (failed,) = (row for row in manifest(tmp_path / "out").values() if row["error"])
    assert failed["uri"].endswith("deadly.png")
    assert failed["error"].startswith("WorkerDied")
