"""The training loop of the `sd21` family: one to many GPUs through accelerate, checkpoints without pickles."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from codec.errors import InputError
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.training.latent.config import LatentStageConfig
from codec.training.latent.data import LatentPairs
from codec.training.latent.stages import LatentStage
from codec.training.latent.trainable import MOVING, Trainable
from codec.training.loop import StopRequest
from codec.training.state import load_tensors, optimizer_tensors, restore_optimizer, save_tensors


@dataclass(frozen=True, kw_only=True)
class LatentRun:
    """Where a run reads and writes.

    Attributes:
        store: crop store folder, with or without latents.
        out: run folder: `state.safetensors`, `log.jsonl`, `package/`.
        start: makes what is trained, when there is no checkpoint to go on from.
        cpu: stay on the CPU even if there is a GPU.
        bf16: compute in bfloat16 where the stage allows; weights that move stay float32.
        minutes: stop (with a checkpoint) after so long; None = only at the end.
        on_step: called with (step, metrics).
    """

    store: Path
    out: Path
    start: Callable[[], Trainable]
    cpu: bool = False
    bf16: bool = False
    minutes: float | None = None
    on_step: Callable[[int, dict[str, float]], None] = lambda *_: None


def train(config: LatentStageConfig, run: LatentRun) -> Trainable:
    """Run one stage to its end or to the next stop; goes on by itself if `run.out` has a state.

    Raises:
        InputError: the crop store does not fit, or the weights are of another scale.
        ModelError: the backbone or the weights of a perceptual term are not here.
    """
    accelerator = Accelerator(
        cpu=run.cpu, mixed_precision="bf16" if run.bf16 else "no", gradient_accumulation_steps=config.accumulate
    )
    trained = run.start()
    if trained.config.rescaler.scale != config.scale:
        raise InputError(f"the stage is for scale {config.scale}, the weights are of {trained.config.rescaler.scale}")
    _prepare(trained.pipeline, config)
    stage = LatentStage(trained.pipeline, config, accelerator.device)
    optimizer = torch.optim.AdamW(trained.parameters(), config.rate, config.betas)
    update = _Update(accelerator, config, trained, *accelerator.prepare(stage, optimizer))
    data = LatentPairs(run.store, trained.pipeline.latent_codec, accelerator.device)
    step = _resume(run.out, trained, optimizer)
    rng = torch.Generator().manual_seed(config.seed + 7919 * step + accelerator.process_index)
    started = saved = time.monotonic()
    with StopRequest() as stop:
        while step < config.steps and not stop.asked:
            _set_rate(optimizer, config, step)
            metrics = update(data, rng)
            step += 1
            run.on_step(step, metrics)
            now = time.monotonic()
            late = run.minutes is not None and now - started > 60 * run.minutes
            asked = torch.tensor(float(stop.asked or late), device=accelerator.device)
            stop.asked = bool(accelerator.reduce(asked, "sum") > 0)
            done = step == config.steps
            if accelerator.is_main_process and (done or step % config.log_steps == 0):
                _log(run.out, {"step": step, "seconds": round(now - started)} | metrics)
            if accelerator.is_main_process and (done or stop.asked or now - saved > 60 * config.checkpoint_minutes):
                _checkpoint(run.out, trained, optimizer, step)
                saved = now
    if accelerator.is_main_process:
        shutil.rmtree(run.out / "package", ignore_errors=True)
        trained.save(run.out / "package")
    return trained


@dataclass(frozen=True)
class _Update:
    """One optimiser step: as many batches as its gradients are gathered over."""

    accelerator: Accelerator
    config: LatentStageConfig
    trained: Trainable
    module: torch.nn.Module
    optimizer: torch.optim.Optimizer

    def __call__(self, data: LatentPairs, rng: torch.Generator) -> dict[str, float]:
        """Returns the terms of the last batch's loss by name."""
        terms: dict[str, Tensor] = {}
        for _ in range(self.config.accumulate):
            x, z = data.sample(self.config.batch, self.config.crop, rng)
            with self.accelerator.accumulate(self.module):
                loss, terms = self.module(x, z, _quality(self.config, rng).to(x.device))
                self.accelerator.backward(loss)
                if self.accelerator.sync_gradients:
                    self.accelerator.clip_grad_norm_(self.trained.parameters(), self.config.clip)
                self.optimizer.step()
                self.optimizer.zero_grad()
        return {name: float(term) for name, term in terms.items()}


def _prepare(pipeline: Sd21Pipeline, config: LatentStageConfig) -> None:
    """Checkpointing works in training mode alone; there is no dropout in these networks that it would wake."""
    if config.checkpointing and config.kind != "rescaler":
        pipeline.denoiser.unet.enable_gradient_checkpointing()
        pipeline.latent_codec.vae.enable_gradient_checkpointing()
        pipeline.denoiser.unet.train()
        pipeline.latent_codec.vae.decoder.train()


def _quality(config: LatentStageConfig, rng: torch.Generator) -> Tensor:
    if config.payload == "png":
        return torch.ones(config.batch, 1, 1, 1)
    low, high = config.qualities
    return torch.randint(low, high + 1, (config.batch, 1, 1, 1), generator=rng) / 100


def _set_rate(optimizer: torch.optim.Optimizer, config: LatentStageConfig, step: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = config.rate * min(1.0, (step + 1) / max(1, config.warmup))


def _checkpoint(folder: Path, trained: Trainable, optimizer: torch.optim.Optimizer, step: int) -> None:
    tensors = {f"{part}/{n}": t for part in MOVING["joint"] for n, t in trained.part(part).items()}
    save_tensors(folder, tensors | optimizer_tensors("generator", optimizer), {"step": step})


def _resume(folder: Path, trained: Trainable, optimizer: torch.optim.Optimizer) -> int:
    """Fill weights and optimiser from the last checkpoint; the step it was made after, 0 without one."""
    if not (folder / "state.safetensors").exists():
        folder.mkdir(parents=True, exist_ok=True)
        return 0
    tensors, numbers = load_tensors(folder)
    with torch.no_grad():
        for part in MOVING["joint"]:
            for name, parameter in trained.part(part).items():
                parameter.copy_(tensors[f"{part}/{name}"])
    restore_optimizer("generator", optimizer, tensors)
    return int(numbers["step"])


def _log(folder: Path, row: dict[str, float]) -> None:
    with (folder / "log.jsonl").open("a") as handle:
        handle.write(json.dumps(row) + "\n")
