"""`tadmc train`: prepare crops, code their LR pictures, run stages of both families."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codec.cli.streams import Group
from codec.errors import InputError
from codec.optional import require
from codec.options import CHROMA, SCALES

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from codec.training.coding import Write
    from codec.training.loop import Stage

#: Sides that squares are cut to: the largest that fits. Multiples of 32, the largest scale.
_SIDES = (448, 288)
_SHARE = click.FloatRange(0, 1)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group("train", cls=Group)
def train_command() -> None:
    """Prepare crops and train models; needs the extra torch."""
    require("torch", "training", "torch")


@train_command.command("prepare")
@click.argument("source", type=_FOLDER)
@click.argument("store", type=_FOLDER)
@click.option("--holdout", default=150, show_default=True, help="Squares at the end kept apart.")
@click.option("--limit", type=int, help="Read at most so many squares.")
@click.option(
    "--side", "sides", type=int, multiple=True, default=_SIDES, show_default=True, help="Of squares, largest first."
)
def prepare_command(source: Path, store: Path, holdout: int, limit: int | None, sides: tuple[int, ...]) -> None:
    """Cut SOURCE (photographs or tar shards) into a crop store STORE."""
    from codec.training.store import prepare

    with _counting("squares") as counted:
        prepare(source, store, holdout=holdout, limit=limit, sides=sides, on_progress=counted)


@train_command.command("code")
@click.argument("store", type=_FOLDER)
@click.option("--scale", type=click.Choice([str(s) for s in SCALES]), required=True, help="HR/LR ratio.")
@click.option("--count", default=2, show_default=True, help="Qualities a square.")
@click.option("--model", type=_FOLDER, help="Model package whose LR writer makes the LR; none = plain downscale.")
@click.option("--chroma", type=click.Choice(CHROMA), default="auto", show_default=True)
@click.option("--seed", default=0, show_default=True, help="Of the random qualities.")
def code_command(store: Path, scale: str, count: int, model: Path | None, chroma: str, seed: int) -> None:
    """Code the LR pictures of all squares of the crop store STORE once, for the stages that read them."""
    from codec.training.coding import code_store

    write = None if model is None else _writer(model, int(scale))
    with _counting("squares") as counted:
        code_store(store, int(scale), count, write=write, chroma=chroma, seed=seed, on_progress=counted)


@train_command.command("masks")
@click.argument("store", type=_FOLDER)
def masks_command(store: Path) -> None:
    """Find the faces and the text in all squares of the crop store STORE once: texture is not invented there."""
    from codec.training.masks import mask_store

    with _counting("squares") as counted:
        mask_store(store, on_progress=counted)


@train_command.command("run")
@click.argument("stage", type=_FILE)
@click.option("--store", type=_FOLDER, required=True, help="Crop store made by `prepare`.")
@click.option("--out", type=_FOLDER, required=True, help="Run folder; goes on by itself if it has a state.")
@click.option("--init", type=_FOLDER, help="Model package to start from.")
@click.option("--backbone", help="sd21, tadsr, tudsr without --init: folder or hub name of the backbone to start from.")
@click.option(
    "--prompt", type=_FILE, help="sd21, tadsr, tudsr: stored embedding of the prompt, in place of a text encoder."
)
@click.option("--negative-prompt", "negative", type=_FILE, help="tadsr: likewise of what the teacher avoids.")
@click.option("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
@click.option("--steps", type=int, help="Override the stage's number of steps.")
@click.option("--minutes", type=float, help="Stop with a checkpoint after so long.")
def run_command(
    stage: Path, store: Path, out: Path, init: Path | None, backbone: str | None, prompt: Path | None,
    negative: Path | None, device: str, steps: int | None, minutes: float | None,
) -> None:  # fmt: skip
    """Train STAGE (a TOML file). Ctrl-C writes a checkpoint and ends; the same command goes on.

    Several GPUs: `torchrun -m codec train run ...`; `batch` is then a process's own.
    """
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from codec.training.loop import Run, train

    start = Start(store=store, init=init, backbone=backbone, prompt=prompt, negative=negative)
    made = _stage(stage, _join_processes(device), {"steps": steps} if steps else {}, start)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = os.environ.get("RANK", "0") != "0"
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=0.5, disable=quiet) as progress:
        task = progress.add_task(made.config.kind, total=made.config.steps)

        def show(step: int, metrics: dict[str, float]) -> None:
            text = " ".join(f"{k} {v:.3f}" for k, v in metrics.items())
            progress.update(task, completed=step, description=f"{made.config.kind} {text}")

        train(made, Run(out=out, minutes=minutes, on_step=show))


@train_command.command("heldout")
@click.argument("source", type=_FOLDER)
@click.argument("target", type=_FOLDER)
@click.option("--count", default=150, show_default=True, help="Squares at the end of SOURCE.")
def heldout_command(source: Path, target: Path, count: int) -> None:
    """Write the last squares of SOURCE, which `prepare` keeps apart, as PNG files: what choices are made on."""
    from PIL import Image

    from codec.training.store import read_photographs

    target.mkdir(parents=True, exist_ok=True)
    for number, pixels in enumerate(deque(read_photographs(source, _SIDES), count)):
        Image.fromarray(pixels).save(target / f"heldout{number:03d}.png")


@train_command.command("merge")
@click.argument("target", type=_FOLDER)
@click.argument("packages", nargs=-1, required=True, type=_FOLDER)
@click.option("--noise", type=_SHARE, help="Let the denoiser's noise in by this share of its weights.")
@click.option(
    "--colour", type=_SHARE, help="Give texture one colour every 4 px, this share of the mean of what it was."
)
@click.option("--borders", type=_SHARE, help="Blend texture across the borders of its 4 px cells by this share.")
@click.option("--shading", type=_SHARE, help="Let texture take on this share of the colour of its place.")
def merge_command(
    target: Path, packages: tuple[Path, ...], *,
    noise: float | None, colour: float | None, borders: float | None, shading: float | None,
) -> None:  # fmt: skip
    """Join compact model PACKAGES into TARGET: what a later one has replaces the same part of an earlier one."""
    from codec.models.compact.package import merged, save_package
    from codec.training.compact.finishing import (
        with_blended_borders,
        with_colour_by_cell,
        with_less_noise,
        with_shading,
    )

    model = merged(packages)
    if model.denoiser is None and any(share is not None for share in (noise, colour, borders, shading)):
        raise InputError("no package has a denoiser to change")
    for share, change in (
        (noise, with_less_noise), (colour, with_colour_by_cell), (borders, with_blended_borders),
    ):  # fmt: skip
        if share is not None and model.denoiser is not None:
            change(model.denoiser, share)
    save_package(model if shading is None else with_shading(model, shading), target)


@train_command.command("latents")
@click.argument("store", type=_FOLDER)
@click.option("--backbone", required=True, help="Folder or hub name.")
@click.option("--device", default="auto", help="auto, cpu, cuda, ...")
def latents_command(store: Path, backbone: str, device: str) -> None:
    """sd21: encode every square of the crop store STORE once, so that no stage has to."""
    from codec.models.device import resolve_device
    from codec.training.sd21.start import precompute

    with _counting("squares") as counted:
        precompute(store, backbone, resolve_device(device), counted)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a stage starts from, as the options of `run` say."""

    store: Path
    init: Path | None
    backbone: str | None
    prompt: Path | None
    negative: Path | None


def _stage(path: Path, device: torch.device, overrides: dict[str, Any], start: Start) -> Stage:
    """The stage that a file describes, of the family that its key `family` names."""
    from codec.training.config import read_toml

    family = read_toml(path).get("family", "compact")
    if family == "compact":
        from codec.training.compact.start import stage_of

        return stage_of(path, overrides, start.store, device, start.init)
    if family in ("sd21", "tadsr", "tudsr") and (start.init is None) == (start.backbone is None):
        raise click.UsageError("give one of --init and --backbone")
    if family == "sd21":
        from codec.training.sd21.start import stage_of as sd21_stage

        return sd21_stage(
            path, overrides, start.store, device, init=start.init, backbone=start.backbone, prompt=start.prompt
        )
    if family == "tadsr":
        from codec.training.tadsr.start import stage_of as tadsr_stage

        return tadsr_stage(
            path, overrides, start.store, device,
            init=start.init, backbone=start.backbone, prompt=start.prompt, negative=start.negative,
        )  # fmt: skip
    if family == "tudsr":
        from codec.training.tudsr.start import stage_of as tudsr_stage

        return tudsr_stage(
            path, overrides, start.store, device, init=start.init, backbone=start.backbone, prompt=start.prompt
        )
    raise InputError(f"{path}: family is {family!r}, expected compact, sd21, tadsr or tudsr")


def _writer(folder: Path, scale: int) -> Write:
    import torch

    from codec.models.compact.package import load_package

    writer = load_package(folder, (scale,)).writer(scale)

    @torch.no_grad()
    def write(hr: torch.Tensor, quality: torch.Tensor, lr: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = lr + writer(hr, quality)
        return made

    return write


class _counting:  # noqa: N801 - reads as a statement where it is used
    """A count on standard error."""

    def __init__(self, what: str) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._progress, self._what = Progress(console=Console(stderr=True)), what

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        task = self._progress.add_task(self._what, total=None)
        return lambda n: self._progress.update(task, completed=n)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def _join_processes(device: str) -> torch.device:
    """Under torchrun, join the others and take this process's own GPU."""
    import torch

    from codec.models.device import own_device, resolve_device

    where = resolve_device(device)
    if "LOCAL_RANK" not in os.environ:
        return where
    torch.distributed.init_process_group()  # gloo for CPU tensors, NCCL for CUDA tensors
    return own_device(where, int(os.environ["LOCAL_RANK"]))
