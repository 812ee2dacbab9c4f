"""Sizes of files: `python tools/measure_sizes.py PHOTOS OUT.md`.

Encodes every PNG of PHOTOS at each scale, payload and quality, and to target rates, and writes a Markdown page: mean
bytes and bpp a setting, bytes beside the payload, and how much of each target is used. Nothing is decoded. Targets are
met with the measured table of the package; a target met by no setting stops the tool.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track

import codec
from codec.container.reader import read
from codec.models.store import shipped

QUALITIES = (10, 25, 40, 50, 60, 75, 90)
TARGETS = (0.01, 0.02, 0.05, 0.08)


@dataclass(frozen=True)
class Sizes:
    """Means over the photographs.

    Attributes:
        label: the setting.
        size: bytes of the file.
        bpp: bits of the file per HR pixel.
        beside: bytes of the file beside the payload, at most.
    """

    label: str
    size: float
    bpp: float
    beside: int


def sizes_at(photos: list[Path], label: str, **options: object) -> Sizes:
    """Encode all photographs at one setting."""
    rows = []
    for path in photos:
        data = codec.encode(path, **options)  # type: ignore[arg-type]
        file = read(data)
        beside = len(data) - sum(map(len, file.payloads))
        rows.append((len(data), 8 * len(data) / file.header.size.pixels, beside))
    size, bpp = (sum(r[i] for r in rows) / len(rows) for i in (0, 1))
    return Sizes(label, size, bpp, max(r[2] for r in rows))


def used(photos: list[Path], target: float) -> list[float]:
    """Share of a target rate that each photograph's file uses."""

    def one(path: Path) -> float:
        return codec.read_info(codec.encode(path, bpp=target)).bpp / target

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(one, photos))


@click.command()
@click.argument("photos", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--quality", "qualities", type=int, multiple=True, default=QUALITIES, show_default=True)
@click.option("--bpp", "targets", type=float, multiple=True, default=TARGETS, show_default=True)
def main(photos: Path, out: Path, qualities: tuple[int, ...], targets: tuple[float, ...]) -> None:
    """Measure and write the page."""
    files = sorted(photos.glob("*.png"))
    scales = sorted({scale for package in shipped() for scale in package.scales})
    settings: list[tuple[str, dict[str, object]]] = [("the default", {})]
    for scale in scales:
        settings += [(f"scale {scale}, AV1, quality {q}", {"scale": scale, "quality": q}) for q in qualities]
        settings += [(f"scale {scale}, {p.upper()}", {"scale": scale, "payload": p}) for p in ("png", "webp")]
    console = Console(stderr=True)
    rows = [sizes_at(files, label, **o) for label, o in track(settings, "settings", console=console)]
    shares = {t: used(files, t) for t in track(targets, "targets", console=console)}
    command = " ".join(["python", "tools/measure_sizes.py", photos.name.upper(), str(out)])
    lines = [
        "# Sizes of files", "", f"{len(files)} photographs, model {shipped()[0].name}: `{command}`", "",
        "| setting | bytes | bpp | beside the payload |", "|---|---|---|---|",
        *(f"| {r.label} | {r.size:.0f} | {r.bpp:.4f} | {r.beside} |" for r in rows), "",
        "Target rates (`--bpp`), share of the target that the file uses:", "",
        "| target | mean | lowest | highest |", "|---|---|---|---|",
        *(f"| {t} | {sum(s) / len(s):.4f} | {min(s):.4f} | {max(s):.4f} |" for t, s in shares.items()),
    ]  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("\n".join(lines) + "\n")
    sys.stdout.write(out.read_text())


if __name__ == "__main__":
    main()
