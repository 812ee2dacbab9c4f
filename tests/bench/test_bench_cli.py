"""The command line of the bench, as far as it needs no long run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bench.cli import main
from bench.environment import child_environment
from bench.plan import Plan


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.mark.parametrize("command", [(), ("run",), ("report",), ("speed",), ("figure",), ("figure", "fig7")])
def test_help(command: tuple[str, ...]) -> None:
    result = call(*command, "--help")
    assert result.exit_code == 0
    assert "Usage: main" in result.output


def test_every_figure_of_the_papers_is_there() -> None:
    names = {"rd", "sheet", "plane", "fig3", "fig6", "fig7", "fig8", "fig9", "tab1", "tab3", "tab4"}
    listed = call("figure", "--help").output
    assert all(f"  {name} " in listed for name in names)


def test_errors_are_one_line(tmp_path: Path, photos_folder: Path, run: Plan) -> None:
    cases = [
        (("run", tmp_path, "--out", tmp_path / "o", "--codec", "jpeg"), "no photographs"),
        (("run", photos_folder, "--out", tmp_path / "o", "--codec", "gif"), "codec 'gif' is not known"),
        (("run", photos_folder, "--out", tmp_path / "o", "--codec", "tadm/5:r0"), "no codec left to run"),
        (("report", tmp_path), "not a readable results file"),
        (("report", run.out, "--image", "three"), "no photograph of this run"),
        (("figure", "tab3", run.out / "results.json", "--out", tmp_path), "results of `run`, not of `speed`"),
        (("figure", "rd", run.out, "--out", tmp_path, "--metric", "lpips_vgg"), "have no lpips_vgg, but psnr"),
        (("figure", "rd", run.out, "--out", tmp_path, "--codec", "nothing"), "have no nothing, but jpeg/2"),
        (("figure", "wins", run.out, "--out", tmp_path), "codec 'avif/2' is not in these results"),
        (("figure", "sheet", run.out, "--out", tmp_path, "--image", "one", "--target", "0.07"), "has no rate 0.07"),
        (("figure", "sheet", run.out, "--out", tmp_path, "--image", "one", "--target", "1", "--codec", "x"), "no x"),
        (("figure", "fig6", photos_folder, "--out", tmp_path, "--log", "foo"), "expected LABEL=FILE"),
        (("report", run.out, "--target", "0.07"), "has no rate 0.07"),
        (("figure", "fig7", photos_folder, "--out", tmp_path, "--model", tmp_path), "config.json is not readable"),
    ]
    for arguments, words in cases:
        result = call(*arguments)
        assert result.exit_code in (1, 6), arguments
        lines = [line for line in result.stderr.splitlines() if line.startswith("bench: ")]
        assert len(lines) == 1, result.stderr
        assert words in lines[0]


@pytest.mark.slow
def test_a_package_that_is_missing_is_named(run: Plan, tmp_path: Path) -> None:
    script = "import sys; sys.modules['jsonschema'] = None; from bench.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", script, "figure", "wins", str(run.out), "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=child_environment(1))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "bench: the package jsonschema is not installed; pip install -e '.[bench]'\n"


def test_figures_from_results(run: Plan, tmp_path: Path) -> None:
    assert call("figure", "rd", run.out, "--out", tmp_path, "--metric", "psnr").exit_code == 0
    assert call("figure", "fig9", run.out, "--out", tmp_path).exit_code == 0
    assert call("figure", "wins", run.out, "--out", tmp_path, "--anchor", "webp").exit_code == 0
    assert "| WebP | +0.0%" in (tmp_path / "bd.md").read_text()
    assert "| Texture | 0.25 | tadmc" in (tmp_path / "wins.md").read_text()
    assert call("figure", "means", run.out, "--out", tmp_path, "--metric", "psnr").exit_code == 0
    header, *lines = [row.split(",") for row in (tmp_path / "means.csv").read_text().splitlines()]
    assert header == ["at most", "codec", "bpp", "PSNR (RGB)"]
    summary = json.loads((run.out / "results.json").read_text())["summary"]
    assert sorted(float(line[-1]) for line in lines) == sorted(round(s["metrics"]["psnr"], 2) for s in summary)
    sheet = call("figure", "sheet", run.out, "--image", "one", "--target", "1", "--codec", "webp", "--out", tmp_path)
    assert sheet.exit_code == 0
    assert {p.name for p in tmp_path.iterdir()} == {
        "rd.svg", "rd.png", "fig9.svg", "fig9.png", "sheet-one-1.png", "wins.md", "wins.csv", "bd.md", "bd.csv",
        "means.md", "means.csv",
    }  # fmt: skip


def test_a_run_of_one_codec(photos_folder: Path, tmp_path: Path) -> None:
    result = call(
        "run", photos_folder, "--out", tmp_path, "--codec", "jpeg", "--codec", "vvc", "--target", "0.5",
        "--target", "2", "--limit", "1", "--no-external",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "measuring: 1 of 1" in result.stderr
    assert {"results.json", "rows.csv", "journal.jsonl", "plan.json"} <= {p.name for p in tmp_path.iterdir()}
    assert len((tmp_path / "rows.csv").read_text().splitlines()) >= 2
