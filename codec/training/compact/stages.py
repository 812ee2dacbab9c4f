"""What one optimiser step does in each stage of the compact family."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from codec.errors import InputError
from codec.models.compact.configs import compact_config
from codec.models.compact.package import borrow_parts, load_parts, save_package
from codec.models.compact.v2.config import CompactConfig
from codec.models.compact.v2.model import CompactModel
from codec.models.device import has_bf16
from codec.training.coding import downscale, draw_quality, estimated_bits, through_payload
from codec.training.compact.config import CompactStageConfig
from codec.training.compact.evaluate import evaluate, sample_sheet
from codec.training.crops import CodedPairs, CropStore
from codec.training.loop import update
from codec.training.losses import l1, ms_ssim, multi_resolution_l1, psnr
from codec.training.muon import Muon
from codec.training.state import Tensors


class CompactStage(ABC):
    """What the stages have in common: the model, the data, figures and packages.

    Attributes:
        config: of the stage.
        model: all parts that the stage needs; only those in `moving` change.
    """

    #: Parts that move, by name without the scale.
    moving: tuple[str, ...] = ()

    def __init__(self, config: CompactStageConfig, store: Path, device: torch.device, init: Path | None) -> None:
        """Prepare.

        Args:
            config: of the stage.
            store: crop store.
            device: where to train.
            init: model package to start from. Its LR writers are carried on; a denoiser is not, as it belongs to the
                readers that it was trained on. None = random weights.

        Raises:
            InputError: the store lacks what the stage reads.
            ModelError: the package does not fit.
        """
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.model = self._built(config, init).channels_last_on(device)
        for name, part in self.model.parts().items():
            part.requires_grad_(name.rstrip("0123456789") in self.moving)
        self._store = store
        self._optimizers = optimizers(self.model, config)

    def _built(self, config: CompactStageConfig, init: Path | None) -> CompactModel:
        scales = tuple(sorted({config.scale, *config.also}))
        writers = scales if "writer" in self.moving else ()
        denoisers = scales if "denoiser" in self.moving else ()
        carried: dict[str, Any] = {}
        if init is not None:
            found = compact_config(init)
            writers = writers or tuple(s for s in scales if s in found.writers)
            carried = {"shading": found.shading} if isinstance(found, CompactConfig) else {}
        fields = {"scales": scales, "writers": writers, "denoisers": denoisers}
        model = CompactModel(CompactConfig.from_dict(carried | config.model | fields))
        if init is None and config.from_scale is not None:
            raise InputError(f"from_scale is {config.from_scale}: name the package to start from with --init")
        if init is not None:
            if config.from_scale is not None:
                for scale in scales:
                    borrow_parts(model, init, scale, config.from_scale)
            load_parts(model, init, missing_ok=True)
        return model

    def tensors(self) -> Tensors:
        """See `codec.training.loop.Stage.tensors`."""
        return dict(self.model.named_parameters())

    def averaged(self) -> Tensors:
        """See `codec.training.loop.Stage.averaged`."""
        return {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See `codec.training.loop.Stage.optimizers`."""
        return self._optimizers

    def evaluate(self, folder: Path, step: int) -> list[dict[str, float]]:
        """See `codec.training.loop.Stage.evaluate`."""
        rows = []
        for scale in self.model.config.scales:
            held_out = CodedPairs(self._store, scale, device=self.device, holdout=True)
            sample_sheet(self.model, held_out).save(folder / f"sheet{scale}-{step:06d}.png")
            rows += evaluate(self.model, held_out)
        return rows

    def save(self, folder: Path) -> None:
        """See `codec.training.loop.Stage.save`."""
        save_package(self.model, folder)

    @abstractmethod
    def step(self, rng: torch.Generator) -> dict[str, float]:
        """See `codec.training.loop.Stage.step`."""

    def _descend(self, loss: Tensor) -> float:
        """Backward pass and update of everything that moves; returns the norm of the gradient."""
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        return sum(update(o, self.config.clip) for n, o in self._optimizers.items() if n != "critic")


class ReaderStage(CompactStage):
    """Regression: the reader alone, from LR pictures coded beforehand."""

    moving = ("reader",)

    def __init__(self, config: CompactStageConfig, store: Path, device: torch.device, init: Path | None) -> None:
        super().__init__(config, store, device, init)
        self._pairs = CodedPairs(store, config.scale, device=device)

    def step(self, rng: torch.Generator) -> dict[str, float]:
        """See `codec.training.loop.Stage.step`."""
        c = self.config
        hr, lr, quality, _ = self._pairs.sample(c.batch, c.crop, rng)
        with autocast(self.device):
            x_hat = self.model(lr, quality, c.scale)
        loss = fidelity_loss(c, x_hat.float(), hr)
        norm = self._descend(loss)
        return {"loss": loss.item(), "psnr": psnr(x_hat.float(), hr), "norm": norm}


class RescalerStage(CompactStage):
    """LR writer and reader together: the LR goes through the payload inside the step."""

    moving = ("writer", "reader")

    def __init__(self, config: CompactStageConfig, store: Path, device: torch.device, init: Path | None) -> None:
        super().__init__(config, store, device, init)
        self._crops = CropStore(store, device=device)

    def step(self, rng: torch.Generator) -> dict[str, float]:
        """See `codec.training.loop.Stage.step`."""
        c = self.config
        hr = self._crops.sample(c.batch, c.crop, rng)
        quality = draw_quality(c.batch, c.scale, rng).to(self.device)
        with autocast(self.device):
            residual = self.model.writer(c.scale)(hr, quality).float()
        lr = downscale(hr, c.scale) + residual
        stored = through_payload(lr, quality, c.chroma)
        with autocast(self.device):
            x_hat = self.model(stored, quality, c.scale)
        fidelity, guide = fidelity_loss(c, x_hat.float(), hr), residual.pow(2).mean()
        bits = torch.log(estimated_bits(lr, stored)).mean()
        norm = self._descend(fidelity + c.lr_guide * guide + c.lr_bits * bits)
        return {
            "loss": fidelity.item(), "psnr": psnr(x_hat.float(), hr), "log_bits": bits.item(),
            "lr_change": 127.5 * residual.abs().mean().item(), "norm": norm,
        }  # fmt: skip


def autocast(device: torch.device) -> torch.autocast:
    """bf16 where the hardware has it: convolutions, not losses."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device))


def fidelity_loss(c: CompactStageConfig, x_hat: Tensor, hr: Tensor) -> Tensor:
    """L1 + MS-SSIM + L1 of means, one value."""
    structure = 1 - ms_ssim(x_hat, hr)
    return (c.l1 * l1(x_hat, hr) + c.ms_ssim * structure + c.means * multi_resolution_l1(x_hat, hr)).mean()


def optimizers(model: nn.Module, config: CompactStageConfig) -> dict[str, torch.optim.Optimizer]:
    """AdamW for everything that moves, or Muon for inner convolutions and AdamW for the rest.

    Raises:
        InputError: nothing moves.
    """
    moving = dict(model.named_parameters())
    moving = {n: p for n, p in moving.items() if p.requires_grad}
    if not moving:
        raise InputError("train: no part of the model moves")
    inner = {n: p for n, p in moving.items() if config.optimizer == "muon" and is_inner(n, p)}
    rest = [p for n, p in moving.items() if n not in inner]
    found: dict[str, torch.optim.Optimizer] = {
        "adamw": torch.optim.AdamW(rest, config.rate, config.betas, weight_decay=config.weight_decay)
    }
    if inner:
        found["muon"] = Muon(inner.values(), config.muon_rate)
    return found


def is_inner(name: str, parameter: Tensor) -> bool:
    """Whether a weight is a convolution between hidden features: first and last layers are AdamW's."""
    return parameter.dim() == 4 and "conv_in." not in name and "conv_out." not in name
