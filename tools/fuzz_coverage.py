"""Coverage-guided fuzzing of the reader with atheris (`pip install atheris`), beside the random mutations of `fuzz.py`.

    python tools/fuzz_coverage.py CORPUS -runs=200000 -max_len=4096 -rss_limit_mb=1024 -timeout=2

CORPUS is a folder that libFuzzer fills with inputs that reach new code; the golden files are put into it first. Every
input is read as it is and with a right checksum at its end. What is neither a picture nor a `TadmError` of one line
ends the run, and the input lies in a file beside.
"""

from __future__ import annotations

import shutil
import sys
import zlib
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["codec.container", "codec.payload", "codec.decode", "codec.image"]):
    from fuzz import GOLDEN, outcome


class Finding(Exception):  # noqa: N818 - what libFuzzer is to stop at
    """An outcome that no file may have."""


def read_one(data: bytes) -> None:
    """What libFuzzer calls with every input."""
    for candidate in (data, data[:-4] + zlib.crc32(data[:-4]).to_bytes(4, "big")):
        got = outcome(candidate)
        if got.startswith("BUG"):
            raise Finding(got)


def main() -> None:
    """Seed the corpus and run."""
    corpus = next((Path(a) for a in sys.argv[1:] if not a.startswith("-")), None)
    if corpus is None:
        sys.exit("usage: fuzz_coverage.py CORPUS [libFuzzer options]")
    corpus.mkdir(parents=True, exist_ok=True)
    for file in GOLDEN.glob("*.tadm"):
        shutil.copyfile(file, corpus / file.name)
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
