"""Mutate golden files and read them: `python tools/fuzz.py --count 1000000`. Exit code 1 on anything but a clear error.

For every mutant: container, every LR slab and alpha are decoded. Allowed outcomes are a picture of the size the header
says, or a `TadmError` of one line. Half of the mutants get a right checksum, so that the damage reaches the inside.
Slow (over --seconds) and large (over --megabytes above the start) mutants are findings too; each finding is kept.
"""

from __future__ import annotations

import hashlib
import random
import resource
import time
import zlib
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click

from codec.container.reader import read
from codec.decoding.alpha import alpha_of
from codec.errors import TadmError
from codec.geometry import Box
from codec.lr import StoredLr
from codec.options import DecodeLimits

GOLDEN = Path(__file__).resolve().parent.parent / "tests/golden"
INTERESTING = (0, 1, 0x7F, 0x80, 0xFE, 0xFF)
#: A mutant of a small file may not order the default quarter of a gigapixel: memory is then the limit's, not a bug's.
LIMITS = DecodeLimits(pixels=2**22)


def mutate(data: bytes, rng: random.Random, header_end: int | None = None) -> bytes:
    """One to four random edits: set, flip, insert, delete, copy, cut."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 4))):
        if not out:
            break
        at = rng.randrange(len(out)) if rng.random() < 0.5 else rng.randrange(min(len(out), 48))
        kind = rng.randrange(7)
        if kind == 0:
            out[at] = rng.choice(INTERESTING)
        elif kind == 1:
            out[at] ^= 1 << rng.randrange(8)
        elif kind == 2:
            out[at] = rng.randrange(256)
        elif kind == 3:
            out[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 4:
            del out[at : at + rng.randrange(1, 9)]
        elif kind == 5:
            other = rng.randrange(len(out))
            out[at:at] = out[other : other + rng.randrange(1, 33)]
        else:
            del out[at:]
    if rng.random() < 0.5 and len(out) > 4:
        # where the checksum stands: at the end, or, in files with slabs, before the payload
        end = len(out) - 4 if header_end is None else min(header_end, len(out) - 4)
        out[end : end + 4] = zlib.crc32(out[:end]).to_bytes(4, "big")
    return bytes(out)


def checksum_place(data: bytes) -> int | None:
    """Offset of the checksum of a golden file with several slabs; None if it is the last four bytes."""
    file = read(data)
    return len(data) - file.payload_bytes - 4 if len(file.payloads) > 1 else None


def outcome(data: bytes) -> str:
    """What reading gives: "ok", the name of our error, or "BUG ..."."""
    try:
        file = read(data, LIMITS)
        lr, size = StoredLr(file, kept_bytes=0), file.header.size
        for number in range(len(file.payloads)):
            lr.slab(number)
        alpha_of(file, Box(0, 0, size.width, size.height))
    except TadmError as exc:
        return type(exc).__name__ if "\n" not in str(exc) else f"BUG message of several lines: {exc!r}"
    except Exception as exc:  # finding these is what the tool is for
        return f"BUG {type(exc).__name__}: {exc}"
    return "ok"


def work(seed: int, count: int, seconds: float, megabytes: float, findings: str) -> Counter[str]:
    """Run `count` mutants in this process."""
    rng, seen = random.Random(seed), Counter[str]()
    files = [p.read_bytes() for p in sorted(GOLDEN.glob("*.tadm"))]
    seeds = [(data, checksum_place(data)) for data in files]
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(count):
        original, place = rng.choice(seeds)
        data = mutate(original, rng, place)
        start = time.perf_counter()
        got = outcome(data)
        if time.perf_counter() - start > seconds:
            got = "BUG slow"
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if (peak - base) / 1024 > megabytes:
            got, base = "BUG large", peak
        seen[got.split(":")[0]] += 1
        if got.startswith("BUG"):
            folder = Path(findings)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{hashlib.sha256(data).hexdigest()[:12]}.tadm").write_bytes(data)
    return seen


@click.command()
@click.option("--count", default=100_000, help="Mutants in all.")
@click.option("--workers", default=2)
@click.option("--seed", default=0)
@click.option("--seconds", default=2.0, help="A mutant may take so long.")
@click.option("--megabytes", default=512.0, help="Memory may grow by so much.")
@click.option("--findings", default="out/fuzz", help="Folder for mutants that broke something.")
def main(count: int, workers: int, seed: int, seconds: float, megabytes: float, findings: str) -> None:
    """Fuzz the reader."""
    total, start, size = Counter[str](), time.perf_counter(), 10_000
    jobs = [(seed * 1_000_003 + i, min(size, count - i * size)) for i in range(-(-count // size))]
    with ProcessPoolExecutor(workers) as pool:
        for seen in pool.map(work, *zip(*[(s, n, seconds, megabytes, findings) for s, n in jobs], strict=True)):
            total += seen
    for name, times in total.most_common():
        click.echo(f"{times:>9}  {name}")
    click.echo(f"{sum(total.values())} mutants in {time.perf_counter() - start:.0f} s")
    if any(name.startswith("BUG") for name in total):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
