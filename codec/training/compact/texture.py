"""The texture stage: the denoiser learns on a frozen reader to invent as much as the timestep allows."""

from __future__ import annotations

from pathlib import Path
from types import EllipsisType

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.compact.layers import bicubic_up
from codec.models.compact.v2.config import LATENT_FACTOR
from codec.models.compact.v2.denoiser import MAX_TIMESTEP
from codec.models.device import has_bf16
from codec.training.compact.config import CompactStageConfig
from codec.training.compact.judging import FeatureCritic
from codec.training.compact.stages import CompactStage, autocast
from codec.training.critic import PixelCritic, generator_loss, hinge_critic
from codec.training.crops import CodedPairs, CropStore
from codec.training.features import VggDistance
from codec.training.loop import update
from codec.training.losses import (
    artifacts,
    chroma_l1,
    detail,
    l1,
    mesh_l1,
    ms_ssim,
    multi_resolution_l1,
    phase_l1,
    psnr,
    smooth_l1,
    stipple,
    with_coarse_colour,
)
from codec.training.state import Tensors


class TextureStage(CompactStage):
    """Fidelity lets go as the timestep grows, frozen features and the critic pull. At timestep 0 nothing is trained:
    there the denoiser has no effect. The pixel critic does not see fine colour: judged by it, the denoiser drew dots of
    all colours.
    """

    moving = ("denoiser",)

    def __init__(self, config: CompactStageConfig, store: Path, device: torch.device, init: Path | None) -> None:
        super().__init__(config, store, device, init)
        crops = CropStore(store, device=device)
        turns = (config.scale, *config.also)
        pairs = {s: CodedPairs(store, s, device=device, crops=crops) for s in dict.fromkeys(turns)}
        self._turns = [pairs[s] for s in turns]
        frozen = torch.bfloat16 if has_bf16(device) else torch.float32  # else they are cast anew in every step
        self._distance = VggDistance(config.directions, config.feature_levels).to(device, frozen)
        self._critic = PixelCritic(config.critic_width).to(device)
        self._optimizers["critic"] = torch.optim.AdamW(
            self._critic.parameters(), config.critic_rate, (0.5, 0.98), weight_decay=0.0
        )
        self._heads = (
            FeatureCritic(self._distance.widths, self._distance.sizes, config, device) if config.heads else None
        )
        if self._heads is not None:
            self._optimizers["heads"] = self._heads.optimizer
        self._step = torch.zeros(())

    def tensors(self) -> Tensors:
        """See `codec.training.loop.Stage.tensors`."""
        found = super().tensors() | {f"critic/{n}": t for n, t in self._critic.state_dict().items()}
        if self._heads is not None:
            found |= {f"heads/{n}": t for n, t in self._heads.heads.named_parameters()}
        return found | {"step": self._step}

    def step(self, rng: torch.Generator) -> dict[str, float]:
        """See `codec.training.loop.Stage.step`."""
        c = self.config
        pairs = self._turns[int(self._step) % len(self._turns)]
        hr, lr, quality, masked = pairs.sample(c.batch, c.crop, rng)
        strength = self._strength(rng)
        x_hat, sober, condition = self._made(pairs.scale, lr, quality, strength, rng)
        critic = self._critic_step(with_coarse_colour(hr), with_coarse_colour(x_hat.detach()), condition)
        window = self._window(rng)
        maps, expected, distance = self._features(x_hat[window], hr[window])
        busy = F.interpolate(detail(hr), size=hr.shape[-2:], mode="bilinear")
        counts = strength.view(-1, 1, 1, 1) * busy * F.interpolate(1 - masked, size=hr.shape[-2:])
        adversarial = self._judged(x_hat, condition, counts, rng)
        ramp = min(1.0, float(self._step) / max(1, c.critic_warmup))
        self._step += 1
        fidelity = self._released_fidelity(x_hat, hr, strength, busy) + c.artifacts * artifacts(x_hat, hr, sober)
        loss = (
            fidelity.mean()
            + c.features * (strength[: c.windows] * distance).mean()
            + c.adversarial * ramp * adversarial
        )
        judged_maps = dict[str, float]()
        if self._heads is not None:
            judged_maps = {"heads": self._heads.learn(expected, maps)}
            loss = loss + c.heads * ramp * self._heads.judge(maps, counts[window])
        norm = self._descend(loss)
        shown = {"loss": fidelity.mean(), "features": distance.mean(), "adversarial": adversarial}
        figures = {name: float(value.detach()) for name, value in shown.items()}
        return figures | judged_maps | {"critic": critic, "psnr": psnr(x_hat, hr), "norm": norm}

    def _made(
        self, scale: int, lr: Tensor, quality: Tensor, strength: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """What the model makes of LR pictures, its reader alone, and the LR enlarged, all float [B, 3, H, W]."""
        reader = self.model.reader(scale)
        with autocast(self.device):
            with torch.no_grad():
                features = reader.features(lr, quality)
                z_hat = reader.latent(features, lr)
                base = F.pixel_shuffle(z_hat, LATENT_FACTOR)
                condition = bicubic_up(lr, scale) if scale > 1 else lr
            t = MAX_TIMESTEP * strength.view(-1, 1, 1, 1).expand(-1, 1, *z_hat.shape[-2:])
            noise = torch.randn(base[:, :1].shape, generator=rng).to(lr)
            x_hat = base + self.model.change(features, z_hat, noise, t, scale)
        return x_hat.float(), base.float(), condition

    def _judged(self, x_hat: Tensor, condition: Tensor, counts: Tensor, rng: torch.Generator) -> Tensor:
        """What the critic holds against pictures, one value; it takes no gradient itself."""
        self._critic.requires_grad_(False)
        with autocast(self.device):
            logits = self._critic(*self._shifted(rng, with_coarse_colour(x_hat), condition))
        self._critic.requires_grad_(True)
        return generator_loss(logits, counts, self.config.levels)

    def _strength(self, rng: torch.Generator) -> Tensor:
        """Share of the largest timestep a crop, float [B]."""
        c = self.config
        spread = torch.rand(c.batch, generator=rng)
        full = torch.rand(c.batch, generator=rng) < c.full_strength
        return torch.where(full, 1.0, spread).to(self.device)

    def _critic_step(self, hr: Tensor, made: Tensor, condition: Tensor) -> float:
        optimizer = self._optimizers["critic"]
        optimizer.zero_grad(set_to_none=True)
        with autocast(self.device):
            loss = hinge_critic(self._critic(hr, condition), self._critic(made, condition))
        loss.backward()
        update(optimizer, self.config.clip)
        return float(loss.detach())

    def _shifted(self, rng: torch.Generator, *pictures: Tensor) -> list[Tensor]:
        """Pictures moved by 0 or 1 pixel each way: the critic's space-to-depth has no grid of its own to reward."""
        y, x = (int(torch.randint(2, (1,), generator=rng)) for _ in range(2))
        return [p.roll((y, x), (2, 3)) for p in pictures]

    def _window(self, rng: torch.Generator) -> tuple[slice, EllipsisType, slice, slice]:
        """A random window of the first crops, the same for all, at any position: features have strides."""
        side, crop = self.config.window, self.config.crop
        y, x = (int(torch.randint(crop - side + 1, (1,), generator=rng)) for _ in range(2))
        return slice(self.config.windows), ..., slice(y, y + side), slice(x, x + side)

    def _features(self, made: Tensor, original: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor]:
        """Frozen features of both, and their distance a picture, float [B]."""
        with autocast(self.device):
            with torch.no_grad():
                expected = self._distance.features(original)
            maps = self._distance.features(made)
            return maps, expected, self._distance.between(maps, expected)

    def _released_fidelity(self, x_hat: Tensor, hr: Tensor, strength: Tensor, busy: Tensor) -> Tensor:
        """Fidelity a picture: all of it at timestep 0; at the largest one all but MS-SSIM."""
        c = self.config
        held = c.l1 * l1(x_hat, hr) + c.means * multi_resolution_l1(x_hat, hr) + c.chroma_l1 * chroma_l1(x_hat, hr)
        held = (
            held
            + c.phases * phase_l1(x_hat, hr)
            + c.mesh * mesh_l1(x_hat, hr)
            + c.stipple * stipple(x_hat, hr)
            + c.smooth_l1 * smooth_l1(x_hat, hr, busy)
        )
        return held + (1 - strength) * c.ms_ssim * (1 - ms_ssim(x_hat, hr))
