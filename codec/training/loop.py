"""The training loop: schedule, log, evaluation, sample sheets, checkpoints, and a clean stop at any moment."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from codec.errors import InputError
from codec.models.compact.config import CompactConfig
from codec.models.compact.model import CompactModel
from codec.models.compact.package import load_parts, save_package
from codec.training.config import StageConfig
from codec.training.crops import CropStore
from codec.training.evaluate import evaluate, sample_sheet
from codec.training.stages import STAGES
from codec.training.state import Ema, load_state, save_state


@dataclass(frozen=True, kw_only=True)
class Run:
    """Where a run reads and writes.

    Attributes:
        store: crop store folder.
        out: run folder: `state.safetensors`, `log.jsonl`, `sheet-*.png`, `package/`.
        init: model package to start from, if any.
        device: resolved device.
        minutes: stop (with a checkpoint) after so long; None = only at the end.
        on_step: called with (step, metrics) for progress display.
    """

    store: Path
    out: Path
    device: torch.device
    init: Path | None = None
    minutes: float | None = None
    on_step: Callable[[int, dict[str, float]], None] = lambda *_: None


def train(config: StageConfig, run: Run) -> CompactModel:
    """Run one stage to its end or to the next stop; resumes by itself if `run.out` has a state.

    Returns:
        The model with the averaged weights, also saved as a model package in `run.out`/package.

    Raises:
        InputError: the configuration names parts the model does not have.
    """
    return _Trainer(config, run).train()


class _Trainer:
    """Everything that moves while a stage is trained."""

    def __init__(self, config: StageConfig, run: Run) -> None:
        torch.manual_seed(config.seed)
        self._config, self._run = config, run
        self._model = _build(config, run)
        self._stage = STAGES[config.kind](self._model, config)
        self._optimizers = self._stage.optimizers()
        self._modules = {"model": self._model, **self._stage.extra}
        self._ema = Ema(self._model, config.ema)
        self._scales = tuple(config.scales)
        self._store = CropStore(run.store, device=run.device)
        self._held_out = CropStore(run.store, device=run.device, holdout=True)
        self._rng = torch.Generator().manual_seed(config.seed + _rank())
        self._step = 0
        if (run.out / "state.safetensors").exists():
            self._step = int(load_state(run.out, self._modules, self._optimizers, self._ema)["step"])
            self._rng.manual_seed(config.seed + _rank() + 7919 * self._step)
        elif _rank() == 0:
            run.out.mkdir(parents=True, exist_ok=True)

    def train(self) -> CompactModel:
        """Steps, reports and checkpoints until the stage ends or a stop is asked for."""
        config, run = self._config, self._run
        started = saved = time.monotonic()
        sums: dict[str, float] = {}
        with StopRequest() as stop:
            while self._step < config.steps and not stop.asked:
                self._one_step(sums)
                now = time.monotonic()
                late = run.minutes is not None and now - started > 60 * run.minutes
                stop.asked = _any_process(stop.asked or late)
                done = self._step == config.steps
                if _rank() == 0 and (self._step % config.evaluate_steps == 0 or done):
                    _log(run.out, {"step": self._step, "seconds": round(now - started)} | _rounded(sums))
                    _report(config, run, self._ema, self._held_out, self._step)
                if _rank() == 0 and (done or stop.asked or now - saved > 60 * config.checkpoint_minutes):
                    save_state(run.out, self._modules, self._optimizers, self._ema, {"step": self._step})
                    saved = now
        final = _averaged(config, run, self._ema)
        if _rank() == 0:
            for scale in self._scales:
                if f"predictor{scale}" in config.train:
                    ends = torch.tensor(config.log_errors[scale])
                    final.predictor(scale).log_error_range.copy_(ends)
            save_package(final, run.out / "package")
        return final

    def _one_step(self, sums: dict[str, float]) -> None:
        """One batch of one scale; `sums` are running means of what the stage reports."""
        config = self._config
        chances = torch.tensor([config.scales[s] for s in self._scales])
        scale = self._scales[int(torch.multinomial(chances, 1, generator=self._rng))]
        _set_rate(self._optimizers, config, self._step)
        hr = self._store.sample(config.batch, config.crop, self._rng)
        metrics = self._stage.step(hr, scale, self._rng)
        self._ema.update(self._model)
        self._step += 1
        self._run.on_step(self._step, metrics)
        for k, v in metrics.items():
            sums[f"{k}_x{scale}"] = 0.98 * sums.get(f"{k}_x{scale}", v) + 0.02 * v


def _build(config: StageConfig, run: Run) -> CompactModel:
    model_config = CompactConfig.from_dict(config.model | {"scales": tuple(sorted(config.scales))})
    model = CompactModel(model_config)
    if run.init is not None:
        load_parts(model, run.init, missing_ok=True)
    parts = model.parts()
    unknown = set(config.train) - set(parts)
    if unknown:
        raise InputError(f"train: no parts named {', '.join(sorted(unknown))}; there are {', '.join(parts)}")
    for name, part in parts.items():
        part.requires_grad_(name in config.train)
    return model.channels_last_on(run.device)


def _averaged(config: StageConfig, run: Run, ema: Ema) -> CompactModel:
    model = _build(config, run)
    model.load_state_dict(ema.mean)
    return model.eval()


def _set_rate(optimizers: dict[str, torch.optim.Optimizer], config: StageConfig, step: int) -> None:
    """Linear warm-up, then half a cosine to 2% of the peak."""
    if step < config.warmup:
        factor = (step + 1) / config.warmup
    else:
        done = (step - config.warmup) / max(1, config.steps - config.warmup)
        factor = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
    peaks = {"generator": config.rate, "critic": config.discriminator_rate}
    for name, optimizer in optimizers.items():
        for group in optimizer.param_groups:
            group["lr"] = peaks[name] * factor


def _report(config: StageConfig, run: Run, ema: Ema, held_out: CropStore, step: int) -> None:
    model = _averaged(config, run, ema)
    for scale in config.scales:
        _log(run.out, {"step": step, "scale": scale} | _rounded(evaluate(model, held_out, scale, chroma=config.chroma)))
    sheet = sample_sheet(model, held_out, tuple(config.scales), chroma=config.chroma)
    sheet.save(run.out / f"sheet-{step:06d}.png")
    save_package(model, run.out / "package")


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


def _any_process(flag: bool) -> bool:
    """Whether the flag is up in any process: all must leave the loop after the same step."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return flag
    shared = torch.tensor([float(flag)])
    torch.distributed.all_reduce(shared, torch.distributed.ReduceOp.MAX)
    return bool(shared.item())


def _rank() -> int:
    on = torch.distributed.is_available() and torch.distributed.is_initialized()
    return torch.distributed.get_rank() if on else 0


def _rounded(metrics: dict[str, float]) -> dict[str, float]:
    return {k: round(v, 5) for k, v in metrics.items()}


def _log(folder: Path, row: dict[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as handle:
        handle.write(json.dumps(row) + "\n")
