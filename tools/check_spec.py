"""Compare the tables of format_spec.md with the code: `python tools/check_spec.py`; exit code 1 on a difference."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path

from codec.codings import LOSSLESS_PAYLOADS, Coding
from codec.container import constants
from codec.options import DecodeLimits

SPEC = Path(__file__).resolve().parent.parent / "format_spec.md"


def table(text: str, first_column: str) -> list[list[str]]:
    """Rows of the table whose first header cell is `first_column`, without header and rule."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    for block in blocks:
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        if rows[0][0] == first_column:
            return rows[2:]
    raise SystemExit(f"format_spec.md: no table that begins with {first_column!r}")


def differences(text: str) -> list[str]:
    """One line for everything that the text and the code say differently."""
    found: list[str] = []

    def compare(what: str, said: object, does: object) -> None:
        if said != does:
            found.append(f"{what}: the text says {said!r}, the code {does!r}")

    limits = {row[0]: int(row[1]) for row in table(text, "limit")}
    compare("limits", limits, asdict(DecodeLimits()))
    tables = re.split(r"(?m)^(?=Table 5\.1|## )", text)
    grids = next(t for t in tables if t.startswith("Table 5.1"))
    compare(
        "grid presets",
        {int(r[0]): r[1] for r in table(grids, "number")},
        {int(p): p.name for p in constants.GridPreset},
    )
    codings = next(t for t in tables if t.startswith("## 8."))
    rows = table(codings, "number")
    compare("codings", {int(r[0]): r[1] for r in rows}, {int(c): c.name for c in Coding})
    lossless = {c.name for c in Coding if c.label in LOSSLESS_PAYLOADS}
    compare("lossless codings", {r[1] for r in rows if r[2] == "yes"}, lossless)
    chunks = table(text, "type")
    names = {r[0].strip("`").encode() for r in chunks}
    compare("chunks", names, set(constants.KNOWN_CHUNKS))
    compressed = {r[0].strip("`").encode() for r in chunks if r[2] == "zstd"}
    compare("compressed chunks", compressed, set(constants.COMPRESSED_CHUNKS))
    for row in chunks:
        compare(f"critical {row[0]}", row[1] == "yes", row[0].strip("`")[0].isupper())
    header = {r[3]: r[4] for r in table(text, "offset")}
    compare("magic", bytes.fromhex(header["magic"].strip("`")), constants.MAGIC)
    compare("largest side", int(header["HR width"].split("..")[1]), constants.MAX_SIDE)
    version = re.search(r"Version \*\*(\d+)\.(\d+)\*\*", text)
    compare(
        "version", version and (int(version[1]), int(version[2])), (constants.VERSION_MAJOR, constants.VERSION_MINOR)
    )
    return found


def main() -> int:
    """Print the differences."""
    found = differences(SPEC.read_text())
    for line in found:
        print(f"check_spec: {line}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
