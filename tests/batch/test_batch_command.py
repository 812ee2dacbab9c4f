"""`tadmc batch` as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codec.cli import main
from tests.batch.conftest import QUICK, Here, manifest

pytest.importorskip("pyarrow", reason="the extra batch is absent")


@pytest.fixture
def batch(tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command, with the work done in this process."""
    monkeypatch.setattr("codec.batch.local.Local", lambda job, workers: Here(job))

    def run(verb: str, *words: str) -> Result:
        quick = [f"--{k}={v}" for k, v in QUICK.items()] if verb == "encode" else []
        return CliRunner().invoke(main, ["batch", verb, "--model", str(tiny_package), *quick, *words])

    return run


def test_encode_and_decode(batch: Callable[..., Result], source: Path, tmp_path: Path) -> None:
    out, back = tmp_path / "out", tmp_path / "back"
    done = batch("encode", str(source), str(out))
    assert done.exit_code == 3  # one picture is broken
    assert "10 pictures: 9 done (0 of an earlier run), 1 failed" in done.stderr
    assert done.stdout == ""
    (source / "a" / "broken.png").unlink()
    done = batch("encode", str(source), str(out), "--json", "-q")
    assert (done.exit_code, done.stderr) == (0, "")
    assert json.loads(done.stdout)["kept"] == 9
    done = batch(
        "decode", str(out), str(back), "--realism", "0", "--suffix", ".webp", "--shard", "1/3", "--shard-size", "3"
    )
    assert done.exit_code == 0, done.output
    assert len(list(back.rglob("*.webp"))) == 3
    assert len(manifest(back)) == 3


def test_dry_run(batch: Callable[..., Result], source: Path, tmp_path: Path) -> None:
    done = batch("encode", str(source), str(tmp_path / "out"), "--dry-run", "--dry-run-count", "4")
    assert done.exit_code == 0
    assert "10 pictures; from 4 of them" in done.stdout
    assert "bytes " in done.stdout
    assert "hours " in done.stdout
    assert not (tmp_path / "out").exists()
    done = batch("encode", str(source), str(tmp_path / "out"), "--dry-run", "--json")
    assert json.loads(done.stdout)["sampled"] == 10


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["encode", "SOURCE", "OUT", "--shard", "3/3"], 2, "not a part like 0/8"),
        (["encode", "SOURCE", "OUT", "--payload", "png"], 2, "quality has no meaning"),
        (["decode", "SOURCE", "OUT"], 8, "no .tadm files there"),
        (["decode", "SOURCE", "OUT", "--suffix", ".xyz"], 8, "cannot write pictures"),
        (["encode", "nowhere", "OUT"], 8, "nothing there"),
        (["encode", "SOURCE", "OUT", "--model", "nowhere"], 6, "nowhere"),
        (["encode", "nope://x", "OUT"], 8, "nope"),
    ],
)
def test_mistakes(
    batch: Callable[..., Result], words: list[str], code: int, said: str, source: Path, tmp_path: Path
) -> None:
    names = {"SOURCE": str(source), "OUT": str(tmp_path / "out")}
    done = batch(*[names.get(word, word) for word in words])
    assert done.exit_code == code
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert not (tmp_path / "out").exists()
