"""The training loop of every family: schedule, log, evaluation, checkpoints, and a clean stop at any moment."""

from __future__ import annotations

import json
import math
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn

from codec.training.config import StageConfig
from codec.training.state import (
    Ema,
    Tensors,
    copy_into,
    load_tensors,
    optimizer_tensors,
    restore_optimizer,
    save_tensors,
)


class Stage(Protocol):
    """One way to train the networks of a family: what a step does, and what of it a checkpoint must hold."""

    @property
    def config(self) -> StageConfig:
        """Lengths, rates and weights."""

    def tensors(self) -> Tensors:
        """Everything that changes beside optimisers, by name: live tensors, filled in place by a resumed run."""

    def averaged(self) -> Tensors:
        """Those of them whose running mean is evaluated and kept."""

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """Optimisers by name; the rates they are made with are the peaks of the schedule."""

    def step(self, rng: torch.Generator) -> dict[str, float]:
        """Draw a batch, update every optimiser once; returns what the log shows."""

    def evaluate(self, folder: Path, step: int) -> list[dict[str, float]]:
        """Held-out figures, a line of the log each; may leave pictures in the run folder."""

    def save(self, folder: Path) -> None:
        """Write a model package of the weights as they are."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where a run writes and when it stops.

    Attributes:
        out: run folder: `state.safetensors`, `log.jsonl`, `package/`.
        minutes: stop (with a checkpoint) after so long; None = only at the end.
        on_step: called with (step, metrics) for progress display.
    """

    out: Path
    minutes: float | None = None
    on_step: Callable[[int, dict[str, float]], None] = lambda *_: None


def train(stage: Stage, run: Run) -> int:
    """Run a stage to its end or to the next stop; goes on by itself if `run.out` has a state.

    Returns:
        Steps done so far.
    """
    return _Trainer(stage, run).train()


class _Trainer:
    """Everything that moves while a stage is trained."""

    def __init__(self, stage: Stage, run: Run) -> None:
        self._stage, self._run, self._config = stage, run, stage.config
        self._optimizers = stage.optimizers()
        self._peaks = {n: [g["lr"] for g in o.param_groups] for n, o in self._optimizers.items()}
        self._ema = Ema(stage.averaged(), stage.config.ema)
        self._rng = torch.Generator().manual_seed(stage.config.seed + 7919 * rank())
        self._step, self._sums = 0, dict[str, float]()
        if (run.out / "state.safetensors").exists():
            self._resume()
        elif rank() == 0:
            run.out.mkdir(parents=True, exist_ok=True)

    def train(self) -> int:
        config, run = self._config, self._run
        started = saved = time.monotonic()
        with StopRequest() as stop:
            while self._step < config.steps and not stop.asked:
                self._one_step()
                now = time.monotonic()
                late = run.minutes is not None and now - started > 60 * run.minutes
                stop.asked = any_process(stop.asked or late)
                if rank() != 0:
                    continue
                done = self._step == config.steps
                if self._step % config.log_steps == 0 or done:
                    _log(run.out, {"step": self._step, "seconds": round(now - started)} | _rounded(self._sums))
                if config.evaluate_steps and (self._step % config.evaluate_steps == 0 or done):
                    self._report()
                if done or stop.asked or now - saved > 60 * config.checkpoint_minutes:
                    self._checkpoint()
                    saved = time.monotonic()
        if rank() == 0:
            with self._averaged():
                shutil.rmtree(run.out / "package", ignore_errors=True)
                self._stage.save(run.out / "package")
        return self._step

    def _one_step(self) -> None:
        factor = _factor(self._config, self._step)
        for name, optimizer in self._optimizers.items():
            for group, peak in zip(optimizer.param_groups, self._peaks[name], strict=True):
                group["lr"] = peak * factor
        metrics = self._stage.step(self._rng)
        self._step += 1
        if self._config.ema:
            self._ema.update()
        self._run.on_step(self._step, metrics)
        for k, v in metrics.items():
            self._sums[k] = 0.98 * self._sums.get(k, v) + 0.02 * v

    def _averaged(self) -> Any:  # noqa: ANN401 - a context manager
        return self._ema.applied() if self._config.ema else torch.no_grad()

    def _report(self) -> None:
        with self._averaged(), torch.no_grad():
            for row in self._stage.evaluate(self._run.out, self._step):
                _log(self._run.out, {"step": self._step} | _rounded(row))
            shutil.rmtree(self._run.out / "package", ignore_errors=True)
            self._stage.save(self._run.out / "package")

    def _checkpoint(self) -> None:
        tensors = {f"live/{k}": v for k, v in self._stage.tensors().items()}
        tensors |= {f"mean/{k}": v for k, v in self._ema.mean.items()}
        tensors |= {f"sum/{k}": torch.tensor(v, dtype=torch.float64) for k, v in self._sums.items()}
        for name, optimizer in self._optimizers.items():
            tensors |= optimizer_tensors(name, optimizer)
        tensors["rng"] = self._rng.get_state()
        save_tensors(self._run.out, tensors, {"step": self._step, "averaged": self._ema.count})

    def _resume(self) -> None:
        """Fill everything from the last checkpoint: the run goes on as if it had never stopped."""
        tensors, numbers = load_tensors(self._run.out)
        copy_into(self._stage.tensors(), _under("live/", tensors))
        copy_into(self._ema.mean, _under("mean/", tensors))
        self._sums = {k: float(v) for k, v in _under("sum/", tensors).items()}
        for name, optimizer in self._optimizers.items():
            restore_optimizer(name, optimizer, tensors)
        self._step, self._ema.count = int(numbers["step"]), int(numbers["averaged"])
        if rank() == 0:
            self._rng.set_state(tensors["rng"])
        else:  # a checkpoint holds the first process's draws alone
            self._rng.manual_seed(self._config.seed + 7919 * rank() + 104729 * self._step)


def update(optimizer: torch.optim.Optimizer, clip: float) -> float:
    """Average gradients over processes if there are several, clip them, update. Returns their norm before clipping.

    A step whose gradient is not finite is left out.
    """
    parameters = [p for g in optimizer.param_groups for p in g["params"] if p.grad is not None]
    if _is_joined():
        for p in parameters:
            torch.distributed.all_reduce(p.grad)
            assert p.grad is not None
            p.grad /= torch.distributed.get_world_size()
    norm = float(nn.utils.clip_grad_norm_(parameters, clip))
    if math.isfinite(norm):
        optimizer.step()
    return norm


class StopRequest:
    """Turns SIGTERM and SIGINT into a checkpoint after the step in hand, as long as it is entered."""

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, *_: Any) -> None:  # noqa: ANN401 - the signature of a signal handler
        self.asked = True


def any_process(flag: bool) -> bool:
    """Whether the flag is up in any process: all must leave the loop after the same step."""
    if not _is_joined():
        return flag
    shared = torch.tensor([float(flag)])
    torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MAX)
    return bool(shared.item())


def rank() -> int:
    """Number of this process among those that train together."""
    return torch.distributed.get_rank() if _is_joined() else 0


def _is_joined() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _factor(config: StageConfig, step: int) -> float:
    """Share of the peak rate: linear warm-up, then the schedule."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    if config.schedule == "constant":
        return 1.0
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))


def _under(prefix: str, tensors: Tensors) -> Tensors:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _rounded(metrics: dict[str, float]) -> dict[str, float]:
    return {k: round(v, 5) for k, v in metrics.items()}


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as handle:
        handle.write(json.dumps(row) + "\n")
