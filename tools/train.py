"""Prepare crops and train the compact model: `python tools/train.py --help`."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

import click
import torch
from PIL import Image
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from codec.cli.streams import Group
from codec.models.compact.package import merged, save_package
from codec.models.device import resolve_device
from codec.training.config import load_stage
from codec.training.loop import Run, train
from codec.training.store import SIDES, prepare, read_photographs

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group(cls=Group)
def main() -> None:
    """Prepare crops and train the compact model."""


@main.command("prepare")
@click.argument("source", type=_FOLDER)
@click.argument("store", type=_FOLDER)
@click.option("--holdout", default=150, help="Squares at the end kept apart.")
@click.option("--limit", type=int, help="Read at most so many squares.")
@click.option(
    "--side", "sides", type=int, multiple=True, default=SIDES, show_default=True, help="Of squares, largest first."
)
def prepare_command(source: Path, store: Path, holdout: int, limit: int | None, sides: tuple[int, ...]) -> None:
    """Cut SOURCE (photographs or tar shards) into a crop store STORE."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("squares", total=None)
        prepare(
            source, store, holdout=holdout, limit=limit, sides=sides,
            on_progress=lambda n: progress.update(task, completed=n),
        )  # fmt: skip


@main.command("run")
@click.argument("stage", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--store", type=_FOLDER, required=True, help="Crop store made by `prepare`.")
@click.option("--out", type=_FOLDER, required=True, help="Run folder; resumes if it has a state.")
@click.option("--init", type=_FOLDER, help="Model package to start from.")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
@click.option("--steps", type=int, help="Override the stage's number of steps.")
@click.option("--minutes", type=float, help="Stop with a checkpoint after so long.")
def run_command(
    stage: Path, store: Path, out: Path, init: Path | None, device: str, steps: int | None, minutes: float | None
) -> None:
    """Train STAGE (a TOML file). Ctrl-C writes a checkpoint and ends.

    Several GPUs, or a noisy CPU where two processes of one thread each wait less for one another than two threads do:
    start it with torchrun; `batch` is then a process's own.
    """
    where = _join_processes(device)
    config = load_stage(stage, **({"steps": steps} if steps else {}))
    main_process = os.environ.get("RANK", "0") == "0"
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=0.5, disable=not main_process) as progress:
        task = progress.add_task(config.kind, total=config.steps)

        def show(step: int, metrics: dict[str, float]) -> None:
            text = " ".join(f"{k} {v:.3f}" for k, v in metrics.items())
            progress.update(task, completed=step, description=f"{config.kind} {text}")

        train(config, Run(store=store, out=out, device=where, init=init, minutes=minutes, on_step=show))


@main.command("heldout")
@click.argument("source", type=_FOLDER)
@click.argument("target", type=_FOLDER)
@click.option("--count", default=150, help="Squares at the end of SOURCE.")
def heldout_command(source: Path, target: Path, count: int) -> None:
    """Write the last squares of SOURCE, which `prepare` keeps apart, as PNG files: what choices are made on."""
    target.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(deque(read_photographs(source), count)):
        Image.fromarray(pixels).save(target / f"heldout{number:03d}.png")


@main.command("merge")
@click.argument("target", type=_FOLDER)
@click.argument("packages", nargs=-1, required=True, type=_FOLDER)
def merge_command(target: Path, packages: tuple[Path, ...]) -> None:
    """Join model PACKAGES into the package TARGET: what a later one has replaces the same part of an earlier one."""
    save_package(merged(packages), target)


def _join_processes(device: str) -> torch.device:
    """Under torchrun, join the others and take this process's own GPU."""
    if "LOCAL_RANK" not in os.environ:
        return resolve_device(device)
    where = resolve_device(device)
    torch.distributed.init_process_group()  # gloo for CPU tensors, NCCL for CUDA tensors
    return torch.device(where.type, int(os.environ["LOCAL_RANK"])) if where.type != "cpu" else where


if __name__ == "__main__":
    main()
