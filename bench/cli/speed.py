"""`python -m bench speed`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.table import Table

from bench.cli.common import CONSOLE, EXISTING, Bar, device_option, model_option, out_option
from bench.codecs.base import CodecOptions
from bench.codecs.registry import HELP, available, standard
from bench.environment import threads_for
from bench.errors import BenchError
from bench.photos import list_photos, read_photo


@click.command("speed")
@click.argument("photos", type=EXISTING)
@out_option
@click.option(
    "--size", "sizes", type=click.IntRange(16), multiple=True, help="Side in pixels; repeat.  [default: 256..8192]"
)
@click.option(
    "--codec", "specs", multiple=True, metavar="SPEC", help=f"A codec to time; repeat. {HELP}  [default: all]"
)
@click.option("--repeats", type=click.IntRange(1), default=3, show_default=True, help="Warm calls; the median counts.")
@click.option(
    "--limit-seconds", type=click.FloatRange(0, min_open=True), default=120.0, show_default=True,
    help="Leave out sizes that would take longer.",
)  # fmt: skip
@model_option
@device_option
@click.option("--dtype", type=click.Choice(["auto", "fp32", "bf16"]), default="auto", show_default=True, help="Ours.")
@click.option("--compile", "compiled", is_flag=True, help="Compile large networks of ours (sd21) in the first call.")
@click.option(
    "--engine", "engines", type=click.Choice(["onnx", "openvino", "torch"]), multiple=True,
    help="Time ours with each of these; repeat.  [default: auto, once]",
)  # fmt: skip
@click.option(
    "--commands", type=click.IntRange(0), default=0, show_default=True, metavar="ROUNDS",
    help="Also time whole commands of ours beside `import torch`, in so many rounds.",
)  # fmt: skip
def speed_command(
    photos: Path, out: Path, *, sizes: tuple[int, ...], specs: tuple[str, ...], repeats: int, limit_seconds: float,
    model: str | None, device: str, dtype: str, compiled: bool, engines: tuple[str, ...], commands: int,
) -> None:  # fmt: skip
    """Time and memory of encoding and decoding by size, on pictures made from PHOTOS (a picture or a folder).

    Every figure comes from a process of its own; the machine should do nothing else meanwhile.
    """
    from bench import records
    from bench.figures.style import save
    from bench.speed.commands import time_commands
    from bench.speed.measure import RESULTS, SIDES, SpeedPlan, time_all
    from bench.speed.plot import draw_speed

    options = CodecOptions(model=model, device=device, dtype=dtype, compile=compiled)
    codecs, skipped = available(list(specs) or standard(options), options)
    for line in skipped.values():
        CONSOLE.print(f"skipped {line}")
    if not codecs:
        raise BenchError("no codec left to time")
    plan = SpeedPlan(
        specs=tuple(codecs), engines=engines, sides=tuple(sorted(set(sizes))) or SIDES, options=options,
        repeats=repeats, limit_seconds=limit_seconds, threads=threads_for(1),
    )  # fmt: skip
    with Bar("timing") as bar:
        record = time_all(plan, read_photo(list_photos(photos)[0]), skipped, bar)
        if commands:
            record["commands"] = time_commands(engines or ("auto",), commands, plan.threads, bar)
    records.write(record, out / RESULTS)
    CONSOLE.print(_table(record))
    for line in record.get("commands", ()):
        CONSOLE.print(f"{line['command']}: least {line['min_seconds']:.2f} s, median {line['median_seconds']:.2f} s, "
                      f"{line['median_ratio']:.2f} of `import torch`")  # fmt: skip
    for line in record["left_out"]:
        CONSOLE.print(f"left out {line['codec']} at {line['side']}: {line['reason']}")
    for path in (out / RESULTS, *(save(draw_speed(record), out, "speed") if record["rows"] else ())):
        CONSOLE.print(str(path))


def _table(record: dict[str, Any]) -> Table:
    table = Table(box=None, header_style="bold")
    header = ("codec", "side", "bytes", "enc cold s", "enc warm s", "enc MP/s", "enc MiB", "dec cold s", "dec warm s",
              "dec MP/s", "dec MiB", "GPU MiB")  # fmt: skip
    for title in header:
        table.add_column(title, justify="left" if title == "codec" else "right", no_wrap=True)
    for row in record["rows"]:
        cells = []
        for what in ("encode", "decode"):
            t = row[what]
            cells += [f"{t['cold_seconds']:.3f}", f"{t['warm_seconds']:.3f}", f"{t['megapixels_per_second']:.2f}",
                      f"{t['peak_bytes'] / 2**20:.0f}"]  # fmt: skip
        gpu = row["decode"]["gpu_bytes"]
        table.add_row(
            row["codec"], str(row["side"]), str(row["bytes"]), *cells, "-" if gpu is None else f"{gpu / 2**20:.0f}"
        )
    return table
