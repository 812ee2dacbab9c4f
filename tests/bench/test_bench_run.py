"""Runs: real files, another process, and what happens when a run is stopped in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from bench import records
from bench.cli import main
from bench.codecs.base import CodecOptions, Expected
from bench.decoding import Decoder
from bench.environment import child_environment
from bench.errors import BenchError, CodecError
from bench.journal import Journal, body, key_of
from bench.metrics import external
from bench.plan import Plan
from bench.run import execute, tasks_of, valid_entries


def entries_of(plan: Plan) -> dict[tuple[str, str, float], dict[str, Any]]:
    found = [row for e in Journal(plan.journal).read() if (row := body(e))]
    assert len({key_of(row) for row in found}) == len(found)
    return {key_of(row): row for row in found}


def untimed(entry: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in entry.items() if not k.endswith("_seconds") and k != "environment"}


def test_rates_are_sizes_of_files_that_another_process_read(run: Plan) -> None:
    rows = records.read(run.out)["rows"]
    assert {row["codec"] for row in rows} == {"jpeg/2", "webp", "tadm/4:r0", "tadm/4:r1"}
    for row in rows:
        codec = run.codec(row["codec"])
        path = run.coded(codec, row["image"], row["setting"])
        assert row["bytes"] == path.stat().st_size
        assert row["bpp"] == pytest.approx(8 * row["bytes"] / (row["width"] * row["height"]), abs=1e-6)
        assert row["bpp"] <= row["target"]
        assert "patch_fd" not in row["metrics"]
    ours = [row for row in rows if row["codec"].startswith("tadm")]
    assert all(0 < row["mean_timestep"] <= 200 for row in ours)


def test_both_ends_of_the_dial_share_their_files(run: Plan) -> None:
    assert [task.specs for task in tasks_of(run)][:3] == [("jpeg/2",), ("webp",), ("tadm/4:r0", "tadm/4:r1")]
    rows = {(r["codec"], r["image"], r["target"]): r for r in records.read(run.out)["rows"]}
    for (codec, image, target), row in rows.items():
        if codec == "tadm/4:r0":
            other = rows["tadm/4:r1", image, target]
            assert other["setting"] == row["setting"]
            assert other["metrics"]["psnr"] != row["metrics"]["psnr"]


def test_a_finished_run_has_nothing_left_to_do(run: Plan) -> None:
    before = [line for line in run.journal.read_text().splitlines() if "environment" not in line[:15]]
    told: list[tuple[int, int, str]] = []
    execute(run, progress=lambda *what: told.append(what))
    assert told == [(0, 0, "")]
    assert [line for line in run.journal.read_text().splitlines() if "environment" not in line[:15]] == before


@pytest.mark.slow
def test_peers_get_the_bytes_of_the_first_codec(cheap: Plan) -> None:
    plan = replace(cheap, protocol="first", specs=("webp", "jpeg", "jpeg/2"), targets=(1.5, 3.0))
    record = records.measure(plan, {})
    rows = {(r["codec"], r["image"], r["target"]): r for r in record["rows"]}
    for (name, image, target), row in rows.items():
        assert row["bytes"] <= rows["webp", image, target]["bytes"], name
    assert {name for name, _, _ in rows} == {"webp", "jpeg", "jpeg/2", "jpeg/best"}
    best = [row for row in rows.values() if row["codec"] == "jpeg/best"]
    assert best
    for row in best:
        forms = [
            rows[f, row["image"], row["target"]] for f in ("jpeg", "jpeg/2") if (f, row["image"], row["target"]) in rows
        ]
        # too small for MS-SSIM
        assert row["metrics"]["psnr"] == max(form["metrics"]["psnr"] for form in forms)
        assert row["metrics"] == rows[row["form"], row["image"], row["target"]]["metrics"]
    told: list[tuple[int, int, str]] = []
    execute(plan, progress=lambda *what: told.append(what))
    assert [total for _, total, _ in told] == [0, 0]
    # another first codec: what was measured beside the old one's files says nothing
    execute(replace(plan, specs=("jpeg", "jpeg/2")), progress=lambda *what: told.append(what))
    assert max(total for _, total, _ in told) == 2


@pytest.mark.slow
def test_a_suite_from_the_command_line(photos_folder: Path, tmp_path: Path) -> None:
    """The encoder decides ours; peers are named here, since the upscalers take their time."""
    out = tmp_path / "run"
    options = [f"--codec={s}" for s in ("tadm/auto", "avif", "avif/4")] + ["--target=0.5"]
    result = CliRunner().invoke(
        main, ["run", str(photos_folder), f"--out={out}", "--suite=user", "--no-external", *options]
    )
    assert result.exit_code == 0, result.output
    record = records.read(out)
    assert record["protocol"] == {"name": "first", "targets": [0.5]}
    assert "avif/best" in record["codecs"]
    ours = [row for row in record["rows"] if row["codec"] == "tadm/auto"]
    assert [row["image"] for row in ours] == ["one", "two"]
    assert all(row["bpp"] <= 0.5 for row in ours)
    made = CliRunner().invoke(main, ["figure", "rows", str(out), f"--out={out}", "--target=0.5"])
    assert made.exit_code == 0, made.output
    with Image.open(out / "rows-0.5.jpg") as page:
        assert page.width > 5 * 168  # the original, and every codec beside it


def started(plan: Plan, *more: str) -> subprocess.Popen[bytes]:
    """The same run from the command line, in a process group of its own, once it has written a row."""
    command = [sys.executable, "-m", "bench", "run", str(plan.photos[0].parent), "--out", str(plan.out), *more]
    command += ["--no-external"] + [f"--codec={s}" for s in plan.specs] + [f"--target={t}" for t in plan.targets]
    process = subprocess.Popen(
        command, env=child_environment(1), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    for _ in range(5000):
        if plan.journal.exists() and plan.journal.read_text().count('"row"') >= 1:
            break
        time.sleep(0.02)
    return process


def living(group: int) -> list[str]:
    """Names of the processes of a group, without those that have ended and wait for their parent."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = path.read_text().rpartition(") ")
            state, _, of = rest.split()[:3]
            if int(of) == group and state != "Z":
                found.append(name)
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")
@pytest.mark.slow
def test_an_interrupted_run_ends_at_once(photo: Callable[[int, int], np.ndarray], cheap: Plan) -> None:
    """Ctrl-C reaches the first process alone where a program starts the run: its jobs must not finish their tasks."""
    large = cheap.photos[0].with_name("large.png")
    Image.fromarray(photo(1000, 800)).save(large)
    plan = replace(cheap, specs=("jpeg", "avif"), targets=tuple(1.0 + i / 8 for i in range(16)))
    process = started(plan, "--jobs", "2")
    os.kill(process.pid, signal.SIGINT)
    try:
        assert process.wait(100) != 0
        until = time.monotonic() + 100
        while living(process.pid) and time.monotonic() < until:
            time.sleep(0.1)
        assert living(process.pid) == []
        # they ended in the middle of their work: their tasks are not done
        assert len(entries_of(plan)) < len(plan.specs) * len(plan.targets) * 3
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_resume_after_a_kill(cheap: Plan) -> None:
    """A run that was killed goes on where it stopped and ends with what an undisturbed run gives."""
    process = started(cheap)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    left = entries_of(cheap)
    assert len(left) > 0
    assert not (cheap.out / records.RESULTS).exists()
    with cheap.journal.open("a") as handle:
        handle.write('{"row":{"image":"one","codec":"jp')  # as a kill in the middle of a write leaves it
    kept = cheap.journal.read_text().splitlines()[:-1]
    execute(cheap)
    assert cheap.journal.read_text().splitlines()[: len(kept)] == kept
    resumed = entries_of(cheap)
    assert len(resumed) == 2 * len(cheap.specs) * len(cheap.targets)
    assert left.items() <= resumed.items()
    undisturbed = replace(cheap, out=cheap.out.parent / "again")
    execute(undisturbed)
    assert {k: untimed(v) for k, v in entries_of(undisturbed).items()} == {k: untimed(v) for k, v in resumed.items()}
    assert not cheap.scratch.exists()


def test_only_entries_of_the_same_codec_version_photograph_and_protocol_are_taken_over(
    run: Plan, tmp_path: Path
) -> None:
    entries = Journal(run.journal).read()
    rows = [e for e in entries if "row" in e]
    assert len(valid_entries(run, entries)) == len(rows) + sum("unreached" in e for e in entries)
    changed = json.loads(json.dumps(rows[0]))
    for name, value in (("version", "another"), ("digest", "0" * 16), ("protocol", "nearest"), ("target", 9.0)):
        assert not valid_entries(run, [{"row": {**changed["row"], name: value}}])
    failed = {"unreached": {**changed["row"], "reason": "failed: no"}}
    assert not valid_entries(run, [failed])
    assert valid_entries(run, [failed], failures=True)
    assert not valid_entries(replace(run, out=tmp_path), [changed])  # its files are not there


def test_a_second_run_in_the_same_folder_is_refused(cheap: Plan) -> None:
    with Journal(cheap.journal).alone(), pytest.raises(BenchError, match="another run is at work"):
        execute(cheap)


@pytest.mark.long
def test_jobs_in_processes_of_their_own_give_the_same(cheap: Plan) -> None:
    few = replace(cheap, specs=("jpeg",), photos=cheap.photos[:1])
    execute(few, jobs=2)
    alone = replace(few, out=few.out.parent / "alone")
    execute(alone)
    assert {k: untimed(v) for k, v in entries_of(few).items()} == {k: untimed(v) for k, v in entries_of(alone).items()}


def test_a_codec_that_fails_is_recorded_and_tried_again(cheap: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    few = replace(cheap, specs=("jpeg",), targets=(2.0,))

    def broken(*_: object) -> bytes:
        raise CodecError("jpeg: out of order")

    codec = few.codec("jpeg")
    with monkeypatch.context() as patch:
        patch.setattr(codec, "encode", broken)
        execute(few)
    missed = records.assemble(few, {})["unreached"]
    assert [(e["reason"], e["targets"]) for e in missed] == [("failed: jpeg: out of order", [2.0])] * 2
    execute(few)
    record = records.assemble(few, {})
    assert (len(record["rows"]), record["unreached"]) == (2, [])


def test_the_decoding_process_survives_bad_files_and_death(tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(np.arange(30, dtype=np.uint8).reshape(2, 5, 3)).save(picture)
    (tmp_path / "bad.png").write_bytes(b"nothing")
    expected = Expected(name="a", width=5, height=2)
    scratch = tmp_path / "scratch"
    with Decoder(CodecOptions(), 1, scratch) as decoder:
        with pytest.raises(CodecError, match="7 bytes do not decode"):
            decoder.decode("png", tmp_path / "bad.png", expected)
        with pytest.raises(CodecError, match=r"expected uint8 \(3, 5, 3\)"):
            decoder.decode("png", picture, replace(expected, height=3))
        with pytest.raises(CodecError, match="FileNotFoundError"):
            decoder.decode("png", tmp_path / "none.png", expected)
        assert decoder.decode("png", picture, expected).bytes == picture.stat().st_size
        assert decoder._process is not None
        decoder._process.kill()
        decoder._process.wait()
        read = decoder.decode("png", picture, expected)
        assert read.pixels.flatten().tolist() == list(range(30))
        assert read.timesteps is None
    assert not scratch.exists()


@pytest.mark.slow
def test_a_file_that_another_version_wrote_is_measured_again(cheap: Plan) -> None:
    """Two models in turn in one folder: the rows of the first must not stand beside files of the second."""
    execute(cheap)
    before = entries_of(cheap)
    row = next(e["row"] for e in Journal(cheap.journal).read() if "row" in e)
    path = cheap.coded(cheap.codec(row["codec"]), row["image"], row["setting"])
    right = path.read_bytes()
    path.write_bytes(right + b"other")
    execute(cheap)
    assert path.read_bytes() == right
    after = [e["row"] for e in Journal(cheap.journal).read() if "row" in e]
    again = after[len([e for e in before.values() if "metrics" in e]) :]
    assert {(r["image"], r["codec"], r["setting"]) for r in again} == {(row["image"], row["codec"], row["setting"])}


def test_a_measure_that_came_later_is_added(cheap: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each file is decoded once more and measured by what is new alone; nothing is coded again."""
    plan = replace(cheap, external=True, specs=("jpeg",))
    monkeypatch.setattr(external, "states", lambda: dict.fromkeys(("ssimulacra2", "patch_fid"), "not installed"))
    execute(plan)
    before = [e["row"] for e in valid_entries(plan, Journal(plan.journal).read()) if "row" in e]
    monkeypatch.setattr(external, "states", lambda: {"ssimulacra2": "ok", "patch_fid": "not installed"})
    asked = []

    def measured(name: str, *pictures: Path) -> float:
        asked.append(name)
        return -float(len(asked))

    monkeypatch.setattr(external, "_tool", measured)
    monkeypatch.setattr(plan.codec("jpeg"), "encode", None)
    execute(plan)
    after = [e["row"] for e in valid_entries(plan, Journal(plan.journal).read()) if "row" in e]
    assert len(after) == len(before) > 0
    for old, new in zip(before, after, strict=True):
        values = dict(new["metrics"])
        assert values.pop("ssimulacra2") < 0
        assert new["external_environment"] > new["environment"]
        assert {**{k: v for k, v in new.items() if k != "external_environment"}, "metrics": values} == old
    assert asked == ["ssimulacra2"] * len({(row["image"], row["setting"]) for row in after})
    execute(plan)
    assert len(asked) == len({(row["image"], row["setting"]) for row in after})
