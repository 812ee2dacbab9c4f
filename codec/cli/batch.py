"""`tadmc batch`: very many pictures."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from codec.cli.streams import Group, no_mark_option, quiet_option, say
from codec.codings import PAYLOADS
from codec.errors import InputError
from codec.options import CHROMA, EFFORTS, STRIP, DecodeOptions, EncodeOptions, EngineOptions

if TYPE_CHECKING:
    from codec.batch.job import Job, Record, Shard
    from codec.batch.run import Runner, Summary

_Command = Callable[..., None]


class _Part(click.ParamType):  # type: ignore[type-arg] # generic only in newer versions
    """One part of several, counted from 0."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:  # noqa: ANN401
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d+)/(\d+)", value, re.ASCII)
        if found is None or not int(found[1]) < int(found[2]):
            self.fail(f"{value!r} is not a part like 0/8, counted from 0", param, ctx)
        return int(found[1]), int(found[2])


@click.group("batch", cls=Group)
def batch_command() -> None:
    """Encode or decode very many pictures, and go on where a run was ended.

    SOURCE is a folder, a glob, tar shards (webdataset), or a parquet file with a column of addresses; TARGET a folder.
    Both may be addresses that fsspec reaches, like s3://bucket/photos. The folder _tadmc of TARGET has a manifest
    (parquet) and statistics of every shard.

    Exit code 3: some pictures failed, the others are done; the manifest says which and why.
    """


def _shared(command: _Command) -> _Command:
    """Options of both commands."""
    options = [
        click.option("--to", "form", type=click.Choice(["files", "webdataset"]), default="files", show_default=True,
                     help="A tree of files like SOURCE's, or one tar a shard."),
        click.option("--existing", type=click.Choice(["resume", "skip", "overwrite"]), default="resume",
                     show_default=True, help="What is there: keep results of the same source and options; keep "
                     "whatever is there; replace."),
        click.option("--retry-failed", is_flag=True, help="Try those again that failed in an earlier run."),
        click.option("--shard", "part", type=_Part(), default="0/1", metavar="I/N",
                     help="Only every N-th shard from the I-th on, 0 <= I < N: N jobs share the work."),
        click.option("--shard-size", type=click.IntRange(1), default=1000, show_default=True,
                     help="Pictures of a shard."),
        click.option("--column", help="Of the addresses in a parquet file.  [default: uri, url or path]"),
        click.option("--workers", type=click.IntRange(1), help="Processes.  [default: one a core]"),
        click.option("--dry-run", is_flag=True, help="Say what it would cost, from some pictures; write nothing."),
        click.option("--dry-run-count", type=click.IntRange(1), default=200, show_default=True,
                     help="Pictures that a dry run takes."),
        click.option("--model", help="Name or folder of the model package."),
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, ..."),
        click.option("--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
                     help="Who works: processes of this machine, or Ray Data."),
        click.option("--json", "as_json", is_flag=True, help="The outcome as one JSON object on standard output."),
        quiet_option,
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@batch_command.command("encode")
@click.argument("source")
@click.argument("target")
@click.option("--profile", type=click.Choice(["default", "tadm"]), default="default", help="As tadmc encode.")
@click.option("--scale", type=click.IntRange(1, 255), help="HR/LR ratio.  [default: chosen]")
@click.option("--payload", type=click.Choice(PAYLOADS), help="How the LR is coded.  [default: av1]")
@click.option("--quality", type=click.IntRange(0, 99), help="Larger is finer and bigger; av1 only.")
@click.option("--bpp", type=float, help="At most so many bits a pixel.")
@click.option("--max-bytes", type=click.IntRange(1), help="At most so many bytes a picture.")
@click.option("--effort", type=click.Choice(EFFORTS), help="Time spent on coding and on choosing what is not given.")
@click.option("--chroma", type=click.Choice(CHROMA), help="Resolution of colour in the LR; av1 only.")
@click.option("--strip", type=click.Choice(STRIP), help="Drop EXIF and XMP, or what can tell the place.")
@click.option("--alpha-quality", type=click.IntRange(0, 99), help="Code alpha lossily.  [default: lossless]")
@_shared
def encode_command(source: str, target: str, *, profile: str, **given: Any) -> None:  # noqa: ANN401 - options of the command
    """Encode the pictures of SOURCE into TARGET."""
    named = {k: given.pop(k) for k in EncodeOptions.__dataclass_fields__}
    try:
        base = EncodeOptions.profile(profile).to_dict()
        options = EncodeOptions.from_dict(base | {k: v for k, v in named.items() if v is not None})
    except InputError as exc:
        raise click.UsageError(str(exc)) from exc
    _run("encode", source, target, {"encode": options}, {}, **given)


@batch_command.command("decode")
@click.argument("source")
@click.argument("target")
@click.option("--suffix", default=".png", show_default=True, help="Of the pictures: .png, .jpg, .webp, .tif, .avif.")
@click.option("--realism", type=click.FloatRange(0, 1), help="0 = nothing invented .. 1 = full texture.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="Of invented texture.")
@click.option("--any-model", is_flag=True, help="Use another model of the same scale if a file's is not here.")
@no_mark_option
@_shared
def decode_command(
    source: str, target: str, *, suffix: str, realism: float | None, seed: int, any_model: bool, no_mark: bool,
    **given: Any,  # noqa: ANN401 - options of both commands
) -> None:  # fmt: skip
    """Rebuild the photographs of the .tadm files of SOURCE into TARGET."""
    from codec.image.output import format_of

    format_of(suffix)  # refused before any work is done
    options = DecodeOptions(realism=realism, seed=seed, mark=not no_mark)
    _run("decode", source, target, {"decode": options, "suffix": suffix}, {"any_model": any_model}, **given)


def _run(
    verb: str, source: str, target: str, options: dict[str, Any], engine_options: dict[str, Any], *, form: str,
    existing: str, retry_failed: bool, part: tuple[int, int], shard_size: int, column: str | None,
    workers: int | None, dry_run: bool, dry_run_count: int, model: str | None, device: str, engine: str, as_json: bool,
    quiet: bool,
) -> None:  # fmt: skip
    from codec.batch.job import Job
    from codec.batch.sources import shards
    from codec.engine import Engine

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = workers or cores
    job = Job(
        verb=verb, target=target, form=form, existing=existing, retry_failed=retry_failed,
        threads=max(1, cores // count), dry=dry_run,
        engine=EngineOptions(model=model, device=device, **engine_options), **options,
    )  # fmt: skip
    with Engine(**job.engine.to_dict()) as tried:
        tried.packages()  # a model that is not here is said once, not of every picture
    found = shards(source, job, size=shard_size, column=column)
    runner = _runner(engine, job, count)
    if dry_run:
        _estimate(job, found, runner, count, dry_run_count, as_json=as_json)
        return
    try:
        summary = _worked(job, found, runner, part, quiet=quiet)
    except KeyboardInterrupt:
        say("tadmc: stopped; the same command goes on from here", quiet=False)
        raise
    if as_json:
        click.echo(json.dumps(asdict(summary)))
    from codec.batch.run import PARTIAL_EXIT_CODE

    rate = summary.worked / summary.seconds if summary.seconds else 0
    say(
        f"{summary.count} pictures: {summary.count - summary.failed} done ({summary.kept} of an earlier run), "
        f"{summary.failed} failed; {summary.source_bytes} -> {summary.bytes} bytes in {summary.seconds:.1f} s, "
        f"{rate:.2f} pictures/s", quiet=quiet,
    )  # fmt: skip
    if summary.failed:
        sys.exit(PARTIAL_EXIT_CODE)


def _runner(engine: str, job: Job, workers: int) -> Runner:
    from codec.batch.local import Local

    if engine == "local":
        return Local(job, workers)
    from codec.batch.ray_data import RayData

    return RayData(job, workers)


def _worked(job: Job, found: list[Shard], runner: Runner, part: tuple[int, int], *, quiet: bool) -> Summary:
    from codec.batch.run import run

    mine = found[part[0] :: part[1]]
    with _bar(sum(len(shard.samples) for shard in mine), shown=not quiet and sys.stderr.isatty()) as advance:
        return run(job, found, runner, part=part, on_record=advance)


def _estimate(job: Job, found: list[Shard], runner: Runner, workers: int, count: int, *, as_json: bool) -> None:
    from codec.batch.estimate import estimate

    made = estimate(job, found, runner, workers=workers, count=count)
    if as_json:
        click.echo(json.dumps(asdict(made)))
        return
    size, hours = made.bytes, made.hours
    click.echo(f"{made.count} pictures; from {made.sampled} of them, {made.failed} failed, {made.bpp:.4f} bpp:")
    click.echo(f"bytes  {size.value:.0f}  ({size.low:.0f} .. {size.high:.0f}, 19 times of 20)")
    click.echo(f"hours  {hours.value:.3g}  ({hours.low:.3g} .. {hours.high:.3g}) with {workers} workers")


class _bar:  # noqa: N801 - reads as a statement where it is used
    """Progress on a terminal: done of all, failures, time left."""

    def __init__(self, total: int, *, shown: bool) -> None:
        self._total, self._shown, self._failed = total, shown, 0

    def __enter__(self) -> Callable[[Record], None]:
        if self._shown:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=Console(stderr=True), transient=True)
            self._progress.start()
            self._task = self._progress.add_task("0 failed", total=self._total)
        return self._advance

    def _advance(self, record: Record) -> None:
        self._failed += bool(record.error)
        if self._shown:
            self._progress.update(self._task, advance=1, description=f"{self._failed} failed")

    def __exit__(self, *_: object) -> None:
        if self._shown:
            self._progress.stop()
