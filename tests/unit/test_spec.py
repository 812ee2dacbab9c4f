"""format_spec.md and the code say the same, and the check can tell when they do not."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOL = runpy.run_path(str(ROOT / "tools/check_spec.py"))
TEXT = (ROOT / "format_spec.md").read_text()


def test_the_tables_agree_with_the_code() -> None:
    assert TOOL["differences"](TEXT) == []


def test_a_changed_table_is_noticed() -> None:
    for old, new in (
        ("| 8 | AV1 |", "| 9 | AV1 |"),
        ("268435456", "268435457"),
        ("`9C 54", "`9D 54"),
        ("`iccp`", "`iccq`"),
    ):
        assert TOOL["differences"](TEXT.replace(old, new))
