"""Large pictures through the command line, here small ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.cli import main
from bench.errors import CodecError
from bench.speed.large import measure_large


@pytest.mark.long
def test_time_and_memory_by_side(tmp_path: Path, photos_folder: Path) -> None:
    arguments = ["large", str(photos_folder / "one.png"), "--out", str(tmp_path), "--side", "192", "--side", "64"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert {p.name for p in tmp_path.iterdir()} == {"large.json", "large.svg", "large.png"}
    rows = json.loads((tmp_path / "large.json").read_text())["rows"]
    assert [row["side"] for row in rows] == [64, 192]
    assert rows[0]["bytes"] < rows[1]["bytes"]
    for row in rows:
        for what in ("encode", "decode"):
            assert row[what]["seconds"] > 0
            assert row[what]["peak_bytes"] > 2**24
    assert "192x192: " in result.stderr


def test_a_command_that_fails_is_an_error(tmp_path: Path, photos_folder: Path) -> None:
    with pytest.raises(CodecError, match=r"tadmc encode .* ended with"):
        measure_large(photos_folder / "one.png", (64,), tmp_path, scale=5)
