"""Results files: schema, CSV, means, winners, BD-rates."""

from __future__ import annotations

import copy
import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import records
from bench.bd import bd_rate, bd_table, curve
from bench.environment import ROOT, describe
from bench.errors import BenchError, RecordError
from bench.figures import tables
from bench.metrics.catalog import ALL
from bench.metrics.patches import Features
from bench.photos import list_photos, read_photo
from bench.plan import Plan
from bench.summary import badness, summarise, wins
from bench.task import FAILED

RESULTS = ROOT / "bench" / "results"
MEASURES = {measure.title: name for name, measure in ALL.items()}


def test_schema_accepts_what_a_run_writes(record: dict[str, Any], run: Plan) -> None:
    records.validate(record)
    assert record["photos"]["folder"] == "photos"
    assert record["skipped"] == {"vvc": "vvc: not here"}
    assert str(run.out) not in json.dumps(record)
    assert {record["metrics"][n]["state"] for n in ("psnr", "patch_fd")} == {"ok"}
    assert record["metrics"]["lpips_vgg"]["state"] == "not asked for"
    assert len(record["rows"]) + sum(len(u["targets"]) for u in record["unreached"]) == 2 * 4 * 3


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        (("schema",), 2, "schema"),
        (("protocol", "name"), "about", "protocol"),
        (("rows", 0, "bpp"), "0.1", "rows"),
        (("rows", 0, "extra"), 1, "rows"),
        (("rows", 0, "metrics", "psnr"), None, "psnr"),
        (("photos", "images"), [], "images"),
        (("environments", 0, "threads"), 0, "threads"),
        (("metrics", "psnr", "state"), "made up", "state"),
    ],
)
def test_schema_refuses_what_is_wrong(
    record: dict[str, Any], tmp_path: Path, path: tuple[str | int, ...], value: object, where: str
) -> None:
    broken = copy.deepcopy(record)
    place: Any = broken
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(RecordError, match=where):
        records.validate(broken)
    (tmp_path / records.RESULTS).write_text(json.dumps(broken))
    with pytest.raises(RecordError, match=records.RESULTS):
        records.read(tmp_path)


def test_schema_needs_every_field(record: dict[str, Any]) -> None:
    for name in record:
        broken = {k: v for k, v in record.items() if k != name}
        with pytest.raises(RecordError):
            records.validate(broken)


def test_unreadable_results(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="not a readable results file"):
        records.read(tmp_path)
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(RecordError, match="not a readable results file"):
        records.read(tmp_path / "broken.json")


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/results.json")), ids=lambda p: p.parent.name)
@pytest.mark.slow
def test_committed_results_can_be_read_and_say_what_their_tables_say(path: Path) -> None:
    record = records.read(path)
    assert not [u for u in record["unreached"] if u["reason"].startswith(FAILED)]
    anchor = "avif/best" if "avif/best" in record["codecs"] else "avif/2"
    written = {"wins.md": tables.winners(record), "bd.md": tables.bd_rates(record, anchor)}
    if (page := path.with_name("means.md")).exists():
        titles = [cell.strip() for cell in page.read_text().splitlines()[2].strip("|").split("|")]
        written["means.md"] = tables.means(record, tuple(MEASURES[title] for title in titles[3:]))
    for name, table in written.items():
        if (text := path.with_name(name)).exists():
            assert text.read_text().endswith(tables.markdown(table))


def test_who_wins_tables_of_the_results_page() -> None:
    record = records.read(RESULTS / "clic2025")
    names = {codec["title"]: name for name, codec in record["codecs"].items()}
    means = {(line["codec"], line["target"]): line for line in record["summary"]}
    rows = table_of(RESULTS / "README.md", "| measure | bpp | realism 0 | realism 1 | peer |")
    for row in rows:
        title, rate, *cells, _ = row
        measure, target = MEASURES[title], float(rate)
        value, _, peer = cells[2].partition(" ")
        known = [means[name, target] for name in ("tadm/4:r0", "tadm/4:r1", names[peer])]
        shown = [f"{line['metrics'][measure]:.{ALL[measure].digits}f}" for line in known]
        assert [*cells[:2], value] == shown, row
        assert all(line["n"] == line["of"] for line in known), row
    assert len(rows) >= 20


def test_the_table_at_equal_bytes_of_the_results_page() -> None:
    record = records.read(RESULTS / "kodak")
    means = {(line["codec"], line["target"]): line for line in record["summary"]}
    names = ("tadm/auto:r0", "tadm/auto", "avif/best", "avif/4+span", "avif/4+clear", "avif/4+kendata")
    rows = table_of(RESULTS / "README.md", "| measure | bpp | realism 0 | realism 1 | AVIF, best of its sizes |")
    for title, rate, *cells in rows:
        for name, cell in zip(names, cells, strict=True):
            line, measure = means[name, float(rate)], ALL[MEASURES[title]]
            part = f" ({line['n']})" if line["n"] < line["of"] else ""
            assert cell == f"{line['metrics'][measure.name]:.{measure.digits}f}{part}", (title, rate)
    assert len(rows) >= 30


def test_the_table_of_the_readme_is_of_the_committed_run() -> None:
    record = records.read(RESULTS / "kodak")
    names = {"tadmc, realism 0": "tadm/auto:r0", "tadmc, realism 1": "tadm/auto"}
    names |= {codec["title"]: name for name, codec in record["codecs"].items()}
    means = {(line["codec"], line["target"]): line for line in record["summary"]}
    rate, rows = "", table_of(ROOT / "README.md", "| at most | codec | MS-SSIM |")
    for at_most, title, *cells in rows:
        rate = at_most or rate
        line = means[names[title], float(rate)]
        measures = [ALL[m] for m in ("ms_ssim", "ssimulacra2_py", "stlpips", "patch_fd", "face", "text_lost")]
        assert cells == [f"{line['metrics'][m.name]:.{m.digits}f}" for m in measures], title
        assert line["n"] == line["of"]
    assert len(rows) >= 6


def table_of(page: Path, header: str) -> list[list[str]]:
    """Cells of the table that begins so."""
    lines = page.read_text().partition(f"\n{header}")[2].splitlines()[2:]
    return [[cell.replace("*", "").strip() for cell in row.strip("|").split("|")] for row in lines[: lines.index("")]]


def test_rates_missed_for_one_reason_are_one_entry() -> None:
    missed = [
        {"image": i, "codec": "jpeg", "target": t, "environment": 0, "reason": reason}
        for i, t, reason in (("a", 0.1, "small"), ("a", 0.2, "large"), ("a", 0.05, "small"), ("b", 0.1, "small"))
    ]
    assert [(e["image"], e["targets"], e["reason"]) for e in records.joined(missed)] == [
        ("a", [0.05, 0.1], "small"), ("a", [0.2], "large"), ("b", [0.1], "small"),
    ]  # fmt: skip


def test_file_has_one_line_a_row_and_reads_back(record: dict[str, Any], tmp_path: Path) -> None:
    records.write(record, tmp_path / "r.json")
    assert records.read(tmp_path / "r.json") == record
    lines = (tmp_path / "r.json").read_text().splitlines()
    assert sum('"encode_seconds"' in line and '"image"' in line for line in lines) == len(record["rows"])
    assert json.loads(records.dump({"a": [], "b": {}})) == {"a": [], "b": {}}


def test_csv(record: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(records.to_csv(record))))
    assert len(rows) == len(record["rows"])
    for text, row in zip(rows, record["rows"], strict=True):
        assert (text["image"], text["codec"]) == (row["image"], row["codec"])
        assert float(text["ms_ssim"]) == row["metrics"]["ms_ssim"]


def test_environment_names_no_machine(record: dict[str, Any], run: Plan) -> None:
    import socket

    environment = describe(run.options, 3)
    assert environment["threads"] == 3
    assert len(environment["models"]["4"]) == 16
    assert socket.gethostname() not in json.dumps(environment)
    assert record["environments"][0]["packages"]["torch"]


def no_features(name: str, image: str, setting: int | None) -> Features:
    rng = np.random.default_rng(len(name) + len(image) if setting is None else setting)
    return rng.normal(size=(9, 4)).astype(np.float32)


def row(image: str, codec: str, target: float, bpp: float, **metrics: float) -> dict[str, Any]:
    return {
        "image": image, "codec": codec, "target": target, "setting": 1, "bytes": round(bpp * 1000), "bpp": bpp,
        "encode_seconds": 1.0, "decode_seconds": 0.5, "metrics": metrics,
    }  # fmt: skip


def test_means_say_how_many_photographs_they_are_over() -> None:
    rows = [
        row("a", "jpeg", 0.1, 0.09, psnr=20.0, ssim=0.5), row("b", "jpeg", 0.1, 0.07, psnr=30.0),
        row("a", "webp", 0.1, 0.08, psnr=24.0),
    ]  # fmt: skip
    jpeg, webp = summarise(rows, 2, no_features)
    assert (jpeg["n"], jpeg["of"], webp["n"]) == (2, 2, 1)
    assert jpeg["bpp"] == pytest.approx(0.08)
    assert jpeg["metrics"]["psnr"] == 25.0
    assert "ssim" not in jpeg["metrics"]  # one of its rows has none
    assert jpeg["metrics"]["patch_fd"] > 0


def test_patch_fd_of_a_run_is_over_all_its_patches(run: Plan, record: dict[str, Any]) -> None:
    from bench.metrics.patches import frechet

    line = record["summary"][0]
    rows = [r for r in record["rows"] if (r["codec"], r["target"]) == (line["codec"], line["target"])]
    real = np.concatenate([np.load(run.features("original", r["image"])) for r in rows]).astype(np.float64)
    made = np.concatenate([np.load(run.features(r["codec"], r["image"], r["setting"])) for r in rows])
    assert line["metrics"]["patch_fd"] == pytest.approx(frechet(real, made.astype(np.float64)), abs=1e-3)


def test_winners_reach_the_rate_on_every_photograph() -> None:
    def line(codec: str, n: int, **metrics: float) -> dict[str, Any]:
        return {"codec": codec, "target": 0.05, "n": n, "of": 2, "metrics": metrics}

    summary = [
        line("avif", 1, psnr=40.0), line("jpeg/4", 2, psnr=23.0, sharp=1.5, texture=0.3),
        line("tadm/4:r1", 2, psnr=22.0, sharp=0.8, texture=0.1),
        line("tadm/4:r0", 2, psnr=24.0, sharp=0.2, texture=0.2),
    ]  # fmt: skip
    won = {w["metric"]: w for w in wins(summary, ["psnr", "texture", "sharp", "dists"])}
    assert (won["psnr"]["codec"], won["psnr"]["peer"], won["psnr"]["ours"]) == ("tadm/4:r0", "jpeg/4", "tadm/4:r0")
    assert won["texture"]["codec"] == won["sharp"]["codec"] == "tadm/4:r1"
    assert "dists" not in won
    assert badness(ALL["sharp"], 2.0) == pytest.approx(badness(ALL["sharp"], 0.5))


def curve_rows(image: str, codec: str, factor: float) -> list[dict[str, Any]]:
    """PSNR grows by 3 dB a doubling of the rate; the codec needs `factor` times the bits."""
    return [row(image, codec, r, factor * r, psnr=30 + 3 * math.log2(r / 0.05)) for r in (0.01, 0.02, 0.04, 0.08, 0.16)]


def test_bd_rate_of_known_curves() -> None:
    anchor = curve_rows("a", "avif", 1.0)
    assert bd_rate(anchor, anchor, "psnr") == pytest.approx(0, abs=1e-6)
    assert bd_rate(anchor, curve_rows("a", "x", 0.5), "psnr") == pytest.approx(-50, abs=0.01)
    assert bd_rate(anchor, curve_rows("a", "x", 2.0), "psnr") == pytest.approx(100, abs=0.01)
    assert bd_rate(anchor, anchor[:2], "psnr") is None
    apart = [row("a", "x", r, r, psnr=90 + i) for i, r in enumerate((0.01, 0.02, 0.03))]
    assert bd_rate(anchor, apart, "psnr") is None
    assert bd_rate(anchor, anchor, "ms_ssim") is None


def test_bd_rate_of_a_measure_where_lower_is_better() -> None:
    def falling(factor: float) -> list[dict[str, Any]]:
        return [row("a", "x", r, factor * r, texture=0.5 - 0.1 * math.log2(r / 0.01)) for r in (0.01, 0.02, 0.04, 0.08)]

    assert bd_rate(falling(1), falling(0.8), "texture") == pytest.approx(-20, abs=0.01)


def test_bd_table_averages_photographs() -> None:
    rows = [
        *curve_rows("a", "avif", 1),
        *curve_rows("b", "avif", 1),
        *curve_rows("a", "x", 0.5),
        *curve_rows("b", "x", 1.0),
    ]
    lines = {(line["codec"], line["metric"]): line for line in bd_table(rows, "avif", ("psnr",))}
    assert lines["x", "psnr"]["rate"] == pytest.approx(-25, abs=0.02)
    assert lines["x", "psnr"]["n"] == 2
    rows = [r for r in rows if (r["image"], r["codec"]) != ("b", "x")]
    assert {line["codec"]: line["n"] for line in bd_table(rows, "avif", ("psnr",))} == {"avif": 2, "x": 1}


def test_curves_for_bd_rise_strictly() -> None:
    rows = [row("a", "x", 1, 0.1, psnr=20.0), row("a", "x", 2, 0.1, psnr=20.0), row("a", "x", 3, 0.2, psnr=19.0),
            row("a", "x", 4, 0.3, psnr=21.0)]  # fmt: skip
    assert curve(rows, "psnr") == [(0.1, 20.0), (0.3, 21.0)]


def test_photographs(photos_folder: Path, tmp_path: Path) -> None:
    from PIL import Image

    assert [p.stem for p in list_photos(photos_folder)] == ["one", "two"]
    assert len(list_photos(photos_folder, 1)) == 1
    with pytest.raises(BenchError, match="no photographs"):
        list_photos(tmp_path)
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    Image.new("L", (4, 3)).save(tmp_path / "a.jpg")
    with pytest.raises(BenchError, match="more than one picture is named a"):
        list_photos(tmp_path)
    assert read_photo(tmp_path / "a.jpg").pixels.shape == (3, 4, 3)
    (tmp_path / "b.png").write_text("no")
    with pytest.raises(BenchError, match="not a readable picture"):
        read_photo(tmp_path / "b.png")
