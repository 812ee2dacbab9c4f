"""Train the `sd21` family on one GPU or many: `python tools/train_sd21.py --help`, `accelerate launch` for several."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from codec.cli.streams import Group
from codec.models.device import resolve_device
from codec.models.sd21.backbone import find_folder, find_parts, load_vae
from codec.models.sd21.prompt import embed_prompt, read_prompt
from codec.models.sd21.vae import LatentCodec
from codec.training.latent.config import LatentStageConfig, load_latent_stage
from codec.training.latent.data import precompute_latents
from codec.training.latent.loop import LatentRun, train
from codec.training.latent.trainable import Trainable

_FOLDER = click.Path(path_type=Path, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group(cls=Group)
def main() -> None:
    """Train the published TADM's stages around Stable Diffusion 2.1-base."""


@main.command("latents")
@click.argument("store", type=_FOLDER)
@click.option("--backbone", required=True, help="Folder or hub name.")
@click.option("--device", default="auto", help="auto, cpu, cuda, ...")
def latents_command(store: Path, backbone: str, device: str) -> None:
    """Encode every square of the crop store STORE once, so that no stage has to."""
    with Progress(console=Console(stderr=True)) as progress:
        where = resolve_device(device)
        codec = LatentCodec(load_vae(find_parts(find_folder(backbone)).vae)).eval().to(where)
        task = progress.add_task("squares", total=None)
        precompute_latents(store, codec, where, lambda n: progress.update(task, completed=n))


@main.command("run")
@click.argument("stage", type=_FILE)
@click.option("--store", type=_FOLDER, required=True, help="Crop store made by `train.py prepare --side 512`.")
@click.option("--out", type=_FOLDER, required=True, help="Run folder; goes on by itself if it has a state.")
@click.option("--init", type=_FOLDER, help="Model package to start from: the stage before, or the published one.")
@click.option("--backbone", help="Folder or hub name to start from alone, without --init.")
@click.option("--prompt", type=_FILE, help="Stored embedding of the prompt, in place of the backbone's text encoder.")
@click.option("--cpu", is_flag=True, help="Stay on the CPU.")
@click.option("--fp32", is_flag=True, help="Full precision; otherwise bf16 on a GPU.")
@click.option("--steps", type=int, help="Override the stage's number of steps.")
@click.option("--minutes", type=float, help="Stop with a checkpoint after so long.")
def run_command(
    stage: Path, store: Path, out: Path, init: Path | None, backbone: str | None, prompt: Path | None, *, cpu: bool,
    fp32: bool, steps: int | None, minutes: float | None,
) -> None:  # fmt: skip
    """Train STAGE (a TOML file). Ctrl-C writes a checkpoint and ends."""
    if (init is None) == (backbone is None):
        raise click.UsageError("give one of --init and --backbone")
    config = load_latent_stage(stage, **({"steps": steps} if steps else {}))
    where = resolve_device("cpu" if cpu else "auto")
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn())
    quiet = os.environ.get("RANK", "0") != "0"
    with Progress(*columns, console=Console(stderr=True), refresh_per_second=0.5, disable=quiet) as progress:
        task = progress.add_task(config.kind, total=config.steps)

        def show(step: int, metrics: dict[str, float]) -> None:
            text = " ".join(f"{k} {v:.3f}" for k, v in metrics.items())
            progress.update(task, completed=step, description=f"{config.kind} {text}")

        train(
            config,
            LatentRun(
                store=store, out=out, start=lambda: _start(init, backbone, prompt, config), cpu=cpu,
                bf16=where.type == "cuda" and not fp32, minutes=minutes, on_step=show,
            ),
        )  # fmt: skip


def _start(init: Path | None, backbone: str | None, prompt: Path | None, config: LatentStageConfig) -> Trainable:
    if init is not None:
        return Trainable.from_package(init, config.kind)
    folder = find_folder(backbone or "", with_text_encoder=prompt is None)
    embedding = embed_prompt(folder) if prompt is None else read_prompt(prompt)
    return Trainable.fresh(find_parts(folder), embedding, config)


if __name__ == "__main__":
    main()
