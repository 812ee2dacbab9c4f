"""Batch runs: what they read and write, what they keep, what they do about failures."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec.batch.estimate import estimate, extrapolated
from codec.batch.job import Job, Record
from codec.batch.sources import shards
from codec.batch.store import FOREIGN
from codec.options import EncodeOptions, EngineOptions
from tests.batch.conftest import QUICK, Here, digests, manifest

pytest.importorskip("pyarrow", reason="the extra batch is absent")
Work = Callable[..., Any]


def tadm_files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*.tadm")}


def test_a_tree_is_mirrored(source: Path, work: Work, tmp_path: Path, tiny_package: Path) -> None:
    before = digests(source)
    summary, job = work(source)
    assert digests(source) == before
    assert (summary.count, summary.failed, summary.kept, summary.worked) == (10, 1, 0, 10)
    out = tmp_path / "out"
    assert tadm_files(out) == {f"{'ab'[n % 2]}/p{n}.tadm" for n in range(9)}
    assert (out / "a" / "p0.tadm").read_bytes() == codec.encode(
        source / "a" / "p0.png", options=EncodeOptions.from_dict(QUICK), model=str(tiny_package)
    )
    rows = manifest(out)
    row, data = rows[str(source / "a" / "p0.png")], (source / "a" / "p0.png").read_bytes()
    info = codec.read_info(out / "a" / "p0.tadm")
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert (row["bytes"], row["source_bytes"], row["options_key"]) == (info.bytes, len(data), job.options_key)
    assert (row["scale"], row["quality"], row["width"], row["height"]) == (8, 40, 40, 32)
    assert row["bpp"] == pytest.approx(info.bpp)
    assert row["seconds"] > 0
    broken = rows[str(source / "a" / "broken.png")]
    assert broken["error"].startswith("InputError: ")
    assert (broken["bytes"], len(broken["sha256"])) == (0, 64)
    stats = [json.loads(p.read_text()) for p in sorted((out / "_tadmc").glob("*_stats.json"))]
    assert [s["count"] for s in stats] == [4, 4, 2]
    assert sum(s["bytes"] for s in stats) == sum(row["bytes"] for row in rows.values())
    assert sum((s["errors"].get("InputError", 0)) for s in stats) == 1
    assert not list((out / "_tadmc").glob("*.jsonl"))


def test_a_second_run_does_nothing(source: Path, work: Work, tmp_path: Path) -> None:
    work(source)
    first, rows = digests(tmp_path / "out"), manifest(tmp_path / "out")
    summary, _ = work(source)
    assert (summary.kept, summary.worked, summary.failed) == (10, 0, 1)
    again = digests(tmp_path / "out")
    assert {k: v for k, v in again.items() if k.endswith(".tadm")} == {
        k: v for k, v in first.items() if k.endswith(".tadm")
    }
    assert manifest(tmp_path / "out") == rows


def test_what_changed_is_made_again(source: Path, work: Work, tmp_path: Path) -> None:
    work(source)
    out = tmp_path / "out"
    (source / "b" / "p1.jpg").write_bytes((source / "b" / "p5.jpg").read_bytes())  # another source
    (out / "b" / "p3.tadm").unlink()  # a result that is gone
    (out / "b" / "p7.tadm").write_bytes(b"cut")  # or is not what it was
    summary, _ = work(source)
    assert summary.worked == 3
    assert (out / "b" / "p1.tadm").read_bytes() == (out / "b" / "p5.tadm").read_bytes()
    assert codec.check((out / "b" / "p7.tadm").read_bytes())
    summary, _ = work(source, encode=EncodeOptions.from_dict(QUICK | {"quality": 20}))  # other options
    assert summary.worked == 10
    assert {row["quality"] for row in manifest(out).values() if not row["error"]} == {20}


def test_failures_are_retried_when_asked_or_mended(source: Path, work: Work, tmp_path: Path) -> None:
    work(source)
    assert work(source, retry_failed=True)[0].worked == 1
    Image.new("RGB", (16, 16)).save(source / "a" / "broken.png")
    summary, _ = work(source)
    assert (summary.worked, summary.failed) == (1, 0)
    assert not any(row["error"] for row in manifest(tmp_path / "out").values())


def test_skip_and_overwrite(source: Path, work: Work, tmp_path: Path) -> None:
    work(source)
    (source / "b" / "p1.jpg").write_bytes((source / "b" / "p5.jpg").read_bytes())
    before = (tmp_path / "out" / "b" / "p1.tadm").read_bytes()
    assert work(source, existing="skip")[0].worked == 1  # the broken one, which has nothing to be kept
    assert (tmp_path / "out" / "b" / "p1.tadm").read_bytes() == before
    assert work(source, existing="overwrite")[0].worked == 10
    assert (tmp_path / "out" / "b" / "p1.tadm").read_bytes() != before


def test_files_of_others_are_not_replaced(source: Path, work: Work, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "b" / "p1.tadm"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    for _ in range(2):
        summary, _ = work(source)
        assert summary.failed == 2
        assert manifest(tmp_path / "out")[str(source / "b" / "p1.jpg")]["error"].startswith(FOREIGN)
        assert mine.read_bytes() == b"mine"
    work(source, existing="skip")
    assert mine.read_bytes() == b"mine"
    work(source, existing="overwrite")
    assert codec.check(mine.read_bytes())


def test_a_result_that_a_killed_run_left_is_ours(source: Path, work: Work, tmp_path: Path) -> None:
    """Written, but not yet in the journal; and the journal's last line cut."""
    out = tmp_path / "out"
    (out / "_tadmc").mkdir(parents=True)
    (out / "a").mkdir()
    (out / "a" / "p0.tadm").write_bytes(b"whatever it was")
    begun = json.dumps({"begun": ["a/p0.tadm", "a/p2.tadm"]})
    (out / "_tadmc" / "00000.0.jsonl").write_text(begun + '\n{"uri": "a/p')
    summary, _ = work(source)
    assert summary.failed == 1
    assert codec.check((out / "a" / "p0.tadm").read_bytes())
    assert not list((out / "_tadmc").glob("*.jsonl"))


def test_a_run_that_stops_goes_on_where_it_was(
    source: Path, work: Work, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codec.batch.worker import Worker

    real, left = Worker.__call__, [6]

    def dies(self: Worker, shard: str, task: Any) -> Record:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return real(self, shard, task)

    monkeypatch.setattr(Worker, "__call__", dies)
    with pytest.raises(KeyboardInterrupt):
        work(source)
    monkeypatch.undo()
    done = digests(tmp_path / "out")
    summary, _ = work(source)
    assert (summary.kept, summary.worked) == (6, 4)
    assert all(digests(tmp_path / "out")[name] == v for name, v in done.items() if name.endswith(".tadm"))


def test_parts_of_a_run_make_the_whole(source: Path, work: Work, tmp_path: Path) -> None:
    counts = [work(source, part=(i, 2))[0].count for i in range(2)]
    assert counts == [6, 4]
    assert len(manifest(tmp_path / "out")) == 10
    assert work(source)[0].worked == 0


def test_shards_that_are_no_more_leave_no_manifest(source: Path, work: Work, tmp_path: Path) -> None:
    work(source, size=3)
    assert work(source, size=5)[0].worked == 0
    assert sorted(p.name for p in (tmp_path / "out" / "_tadmc").glob("*.parquet")) == ["00000.parquet", "00001.parquet"]
    assert len(manifest(tmp_path / "out")) == 10


def test_names_that_would_meet(tmp_path: Path, work: Work) -> None:
    for suffix in ("jpg", "png"):
        (tmp_path / "s").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "s" / f"p.{suffix}")
    Image.new("RGB", (16, 16)).save(tmp_path / "s" / "q.v2.png")
    work(tmp_path / "s")
    assert tadm_files(tmp_path / "out") == {"p.jpg.tadm", "p.png.tadm", "q.v2.tadm"}


def test_the_target_inside_the_source(source: Path, work: Work) -> None:
    for _ in range(2):
        assert work(source, target=str(source / "small"))[0].count == 10


def test_globs_and_single_files(source: Path, work: Work, tmp_path: Path) -> None:
    assert work(f"{source}/*/*.jpg", target=str(tmp_path / "x"))[0].count == 6
    assert tadm_files(tmp_path / "x") == {f"{'ab'[n % 2]}/p{n}.tadm" for n in (1, 2, 4, 5, 7, 8)}
    assert work(source / "a" / "p0.png", target=str(tmp_path / "y"))[0].count == 1
    assert tadm_files(tmp_path / "y") == {"p0.tadm"}
    for nothing in (tmp_path / "absent", f"{source}/*.gif", source / "notes.txt"):
        with pytest.raises(codec.InputError, match=r"nothing there|no pictures there"):
            work(nothing)


def test_parquet_lists(source: Path, work: Work, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    addresses = ["a/p0.png", str(source / "b" / "p1.jpg"), f"file://{source}/b/p3.png", "../../p9.png"]
    pq.write_table(pa.table({"number": range(4), "url": addresses}), source / "list.parquet")
    summary, _ = work(source / "list.parquet", target=str(tmp_path / "x"))
    assert (summary.count, summary.failed) == (4, 1)
    rows = manifest(tmp_path / "x")
    assert set(rows) == set(addresses)
    assert "FileNotFoundError" in rows["../../p9.png"]["error"]
    assert all(p.resolve().is_relative_to(tmp_path / "x") for p in (tmp_path / "x").rglob("*.tadm"))
    with pytest.raises(codec.InputError, match="no column where; there are number, url"):
        shards(str(source / "list.parquet"), Job(verb="encode", target=""), size=9, column="where")
    (source / "list.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(codec.InputError, match="not a parquet file"):
        work(source / "list.parquet")


def pack(folder: Path, path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                tar.add(file, f"{file.stem}{file.suffix}")


def members(path: Path) -> dict[str, bytes]:
    with tarfile.open(path) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]


def test_tar_shards_in_and_out(source: Path, work: Work, tmp_path: Path) -> None:
    (tmp_path / "tars").mkdir()
    pack(source / "a", tmp_path / "tars" / "one.tar")
    pack(source / "b", tmp_path / "tars" / "two.tar")
    before = digests(tmp_path / "tars")
    summary, _ = work(tmp_path / "tars", form="webdataset")
    assert (summary.count, summary.failed) == (10, 1)
    assert digests(tmp_path / "tars") == before
    one = members(tmp_path / "out" / "one.tar")
    assert set(one) == {f"p{n}.{kind}" for n in (0, 2, 4, 6, 8) for kind in ("tadm", "json")}
    assert json.loads(one["p0.json"])["uri"] == f"{tmp_path}/tars/one.tar#p0.png"
    assert codec.check(one["p0.tadm"])
    assert not (tmp_path / "out" / "_tadmc" / "staging").exists() or not list(
        (tmp_path / "out" / "_tadmc" / "staging").rglob("*.tadm")
    )
    at = (tmp_path / "out" / "one.tar").stat().st_mtime_ns
    assert work(tmp_path / "tars", form="webdataset")[0].worked == 0
    assert (tmp_path / "out" / "one.tar").stat().st_mtime_ns == at
    # one sample more: the others are taken from the tar that is there
    Image.new("RGB", (16, 16)).save(source / "a" / "broken.png")
    pack(source / "a", tmp_path / "tars" / "one.tar")
    assert work(tmp_path / "tars", form="webdataset")[0].worked == 1
    again = members(tmp_path / "out" / "one.tar")
    assert set(again) == set(one) | {"broken.tadm", "broken.json"}
    assert again["p4.tadm"] == one["p4.tadm"]


def test_tars_of_others_are_not_replaced(source: Path, work: Work, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "00000.tar").write_bytes(b"mine")
    with pytest.raises(codec.InputError, match="not of this job"):
        work(source, form="webdataset")
    assert (tmp_path / "out" / "00000.tar").read_bytes() == b"mine"


def test_compressed_and_broken_tars(tmp_path: Path, work: Work) -> None:
    for data in (b"\x1f\x8b", b"nothing" * 200):
        (tmp_path / "a.tar").write_bytes(data)
        with pytest.raises(codec.InputError, match="not an uncompressed tar"):
            work(tmp_path / "a.tar")


def test_any_address(source: Path, work: Work) -> None:
    """Nothing but what fsspec offers everywhere: here, memory."""
    import fsspec

    memory = fsspec.filesystem("memory")
    try:
        for path in (source / "a").iterdir():
            memory.pipe_file(f"/in/{path.name}", path.read_bytes())
        for kept in (0, 6):
            summary, _ = work("memory://in", target="memory://out")
            assert (summary.count, summary.failed, summary.kept) == (6, 1, kept)
        assert codec.check(memory.cat_file("/out/p0.tadm"))
        assert not [p for p in memory.find("/out/_tadmc") if p.endswith(".jsonl")]
        assert work("memory://in", target="memory://tars", form="webdataset")[0].failed == 1
        assert memory.size("/tars/00000.tar") > 0
    finally:
        memory.store.clear()


def test_decode(source: Path, work: Work, tmp_path: Path, tiny_package: Path) -> None:
    work(source)
    out, back = tmp_path / "out", tmp_path / "back"
    (out / "bad.tadm").write_bytes(b"\x9cTDM")
    summary, _ = work(out, target=str(back), verb="decode", suffix=".jpg", decode=codec.DecodeOptions(realism=0))
    assert (summary.count, summary.failed) == (10, 1)
    with Image.open(back / "a" / "p0.jpg") as image:
        assert image.size == (40, 32)
        assert b"GeneratedTexture" in image.info["xmp"]
    rows = manifest(back)
    assert rows[str(out / "a" / "p0.tadm")]["bytes"] == (back / "a" / "p0.jpg").stat().st_size
    assert rows[str(out / "bad.tadm")]["error"].startswith("TruncatedError")
    assert (
        work(out, target=str(back), verb="decode", suffix=".jpg", decode=codec.DecodeOptions(realism=0))[0].worked == 0
    )


def test_dry_run(source: Path, tmp_path: Path, tiny_package: Path) -> None:
    job = Job(
        verb="encode", target=str(tmp_path / "out"), encode=EncodeOptions.from_dict(QUICK), dry=True,
        engine=EngineOptions(model=str(tiny_package)),
    )  # fmt: skip
    made = estimate(job, shards(str(source), job, size=9), Here(job), workers=2, count=5)
    assert not (tmp_path / "out").exists()
    assert (made.count, made.sampled) == (10, 5)
    assert made.bytes.low < made.bytes.value < made.bytes.high
    assert made.hours.value > 0


def test_estimates_are_what_they_say() -> None:
    """The interval holds the truth nineteen times of twenty, and nothing is uncertain about what was seen."""
    rng = np.random.default_rng(0)
    sizes = rng.lognormal(8, 0.5, 2000)
    held = 0
    for _ in range(300):
        some = rng.choice(sizes, 200, replace=False)
        made = extrapolated([Record(uri="", name="", bytes=round(s), seconds=1) for s in some], 2000, 4)
        held += made.bytes.low <= sizes.sum() <= made.bytes.high
        assert made.hours.value == pytest.approx(2000 / 4 / 3600)
    assert 270 <= held <= 297
    every = extrapolated([Record(uri="", name="", bytes=round(s)) for s in sizes], 2000, 1)
    assert every.bytes.low == every.bytes.value == every.bytes.high


def test_options_key() -> None:
    """Another result means another key; where it is made does not."""
    base: dict[str, Any] = {"verb": "encode", "target": "x"}
    keys = {
        Job(**(base | more)).options_key
        for more in (
            {}, {"encode": EncodeOptions(quality=3)}, {"engine": EngineOptions(model="m")}, {"verb": "decode"},
            {"verb": "decode", "suffix": ".jpg"}, {"verb": "decode", "decode": codec.DecodeOptions(realism=0)},
        )
    }  # fmt: skip
    assert len(keys) == 6
    same: dict[str, Any] = {
        "target": "y",
        "threads": 3,
        "existing": "skip",
        "engine": EngineOptions(device="cpu"),
        "dry": True,
    }
    assert Job(**(base | same)).options_key == Job(**base).options_key
    job = Job(**base, engine=EngineOptions(model="m"), encode=EncodeOptions(quality=3))
    assert Job.from_dict(json.loads(json.dumps(job.to_dict()))) == job
    with pytest.raises(codec.InputError, match="existing is 'no'"):
        Job(**base, existing="no")
