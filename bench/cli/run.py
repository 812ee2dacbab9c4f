"""`python -m bench run`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from bench.cli.common import CONSOLE, FOLDER, Bar, measuring_options
from bench.codecs.base import CodecOptions
from bench.codecs.registry import HELP, available, standard
from bench.environment import threads_for
from bench.errors import BenchError
from bench.metrics.catalog import ALL
from bench.photos import list_photos
from bench.plan import Plan
from bench.rates import PROTOCOLS, TARGETS, Protocol
from bench.suites import SUITES

QUICK_TARGETS = (0.03, 0.05, 0.1)
QUICK_LIMIT = 2
NEAREST_LIMIT = 12
_SHOWN = (
    "psnr",
    "ms_ssim",
    "ms_ssim_rgb",
    "texture",
    "sharp",
    "patch_fd",
    "lpips_vgg",
    "dists",
    "ssimulacra2",
    "ssimulacra2_py",
)


@click.command("run")
@click.argument("photos", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="Run folder: journal, coded files, results.json, rows.csv.")
@click.option("--codec", "specs", multiple=True, metavar="SPEC", help=f"A codec to run; repeat. {HELP}  [default: all]")
@click.option(
    "--target", "targets", type=click.FloatRange(0, min_open=True), multiple=True, help="Bits a pixel; repeat."
)
@click.option(
    "--protocol", type=click.Choice(PROTOCOLS), default="below", show_default=True,
    help="below: the largest file within the target. first: likewise for the first codec, and for every other one the "
    "largest file not above the first's. nearest: the nearest file, at most a factor of 1.22 away; "
    "with the first 12 Kodak images it gives the tables that peers were published in here.",
)  # fmt: skip
@click.option(
    "--suite", type=click.Choice(sorted(SUITES)),
    help="A fixed comparison. user: tadmc as its encoder decides, and what else one could do at the same bytes: "
    "JPEG, AVIF in three sizes, AVIF at a quarter behind four free upscalers.",
)  # fmt: skip
@click.option("--quick", is_flag=True, help="Two photographs, three rates, few codecs: under two minutes.")
@measuring_options
def run_command(
    photos: Path, out: Path, *, specs: tuple[str, ...], targets: tuple[float, ...], protocol: Protocol,
    suite: str | None, limit: int | None, jobs: int, quick: bool, external: bool, model: str | None, device: str,
) -> None:  # fmt: skip
    """Run codecs on the folder PHOTOS at matched rates and measure what comes back.

    The same command goes on with an interrupted run; one that names more codecs, rates or photographs measures only
    what is new. The results hold what the last command named.
    """
    from bench import records

    options = CodecOptions(model=model, device=device)
    if suite and quick:
        raise BenchError("--suite and --quick: one of them")
    if suite:
        wanted = SUITES[suite]
        specs, protocol, targets = specs or wanted.specs, wanted.protocol, targets or wanted.targets
    if limit is None:
        limit = QUICK_LIMIT if quick else NEAREST_LIMIT if protocol == "nearest" else None
    codecs, skipped = available(list(specs) or standard(options, quick=quick), options)
    for line in skipped.values():
        CONSOLE.print(f"skipped {line}")
    if not codecs:
        raise BenchError("no codec left to run")
    plan = Plan(
        out=out, photos=tuple(list_photos(photos, limit)), specs=tuple(codecs), protocol=protocol,
        targets=tuple(sorted(set(targets or (QUICK_TARGETS if quick else TARGETS[protocol])))), options=options,
        threads=threads_for(jobs), external=external,
    )  # fmt: skip
    _say_metrics(external)
    with Bar("measuring") as bar:
        record = records.measure(plan, skipped, jobs, bar)
    (out / records.ROWS).write_text(records.to_csv(record))
    CONSOLE.print(_table(record))
    for line in _failures(record):
        CONSOLE.print(line)
    missed = sum(len(entry["targets"]) for entry in record["unreached"])
    CONSOLE.print(f"{out / records.RESULTS}: {len(record['rows'])} rows, {missed} rates not reached")


def _say_metrics(wanted: bool) -> None:
    if not wanted:
        return
    from bench.metrics import external as theirs

    absent: dict[tuple[str, str], list[str]] = {}
    for name, state in theirs.states().items():
        if state != theirs.READY:
            absent.setdefault((ALL[name].source, state), []).append(ALL[name].title)
    for (source, state), titles in absent.items():
        CONSOLE.print(f"{', '.join(titles)}: {state}; {theirs.HELP[source]}")


def _table(record: dict[str, Any]) -> Table:
    """Means by target and codec, with n where some photographs are not reached."""
    names = [n for n in _SHOWN if any(n in line["metrics"] for line in record["summary"])]
    table = Table(box=None, header_style="bold")
    for title in ("target", "codec", "n", "bpp", *(ALL[n].title for n in names)):
        table.add_column(title, justify="left" if title == "codec" else "right", no_wrap=True)
    last = None
    for line in sorted(record["summary"], key=lambda s: (s["target"], s["codec"])):
        n = "" if line["n"] == line["of"] else f"{line['n']}/{line['of']}"
        values = [f"{line['metrics'][m]:.{ALL[m].digits}f}" if m in line["metrics"] else "-" for m in names]
        target = f"{line['target']:g}" if line["target"] != last else ""
        table.add_row(target, line["codec"], n, f"{line['bpp']:.4f}", *values)
        last = line["target"]
    return table


def _failures(record: dict[str, Any]) -> list[str]:
    from bench.task import FAILED

    return [
        f"{u['image']} at {', '.join(f'{t:g}' for t in u['targets'])}: {u['reason']}"
        for u in record["unreached"]
        if u["reason"].startswith(FAILED)
    ]
