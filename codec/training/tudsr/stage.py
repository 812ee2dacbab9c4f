"""What one step of TUDSR does: Algorithm 1 for the first adapter, Algorithm 2 for the second.

for every chunk (the first stage has but one):
    x_hat = G(y, t);  L_G with the heads frozen, update the adapter;  L_D on x_hat without gradient, update the heads
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.models.device import has_bf16
from codec.training.crops import CropStore
from codec.training.edges import edge_term
from codec.training.frozen import Features
from codec.training.heads import MultiLevelHeads, critic_loss, generator_loss
from codec.training.loop import update
from codec.training.losses import l1, psnr
from codec.training.sd21.degradation import degraded, enlarged
from codec.training.state import Tensors
from codec.training.tudsr.after_tadm import FrozenTadm
from codec.training.tudsr.chunks import chunks
from codec.training.tudsr.config import TudsrStageConfig
from codec.training.tudsr.trainable import Enlarger

#: The LR side and the photograph's of one chunk, float [B, 3, R, R] each.
Pair = tuple[Tensor, Tensor]


class TudsrStage:
    """See `codec.training.loop.Stage`.

    Attributes:
        config: of the stage.
        enlarger: what becomes a package.
        features: of the frozen network.
        heads: on them.
    """

    def __init__(
        self, config: TudsrStageConfig, enlarger: Enlarger, features: Features, store: Path, device: torch.device
    ) -> None:
        """Prepare.

        Raises:
            InputError: there is no crop store, the edge term is unknown, or the degradation does not go with a first
                pass of TADM.
            ModelError: the edge term's weights are not on this machine, or a first pass of TADM is incomplete.
        """
        self.config, self.enlarger, self.features, self._device = config, enlarger, features.to(device), device
        torch.manual_seed(config.seed)
        self.heads = MultiLevelHeads(features.widths).to(device)
        self._pipeline = enlarger.pipeline.to(device)
        self._tadm = None if enlarger.tadm is None else FrozenTadm(enlarger.tadm, config, device)
        if config.checkpointing:
            for network in (self._pipeline.denoisers.unet, self._pipeline.latent_codec.vae):
                network.enable_gradient_checkpointing()
                network.train()  # there is no dropout that it would wake
        self._edges = edge_term(config.edge_term, device)
        self._crops, self._store = CropStore(store, device=device), store
        self._optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(tensors, rate, config.betas, weight_decay=config.weight_decay)
            for name, tensors, rate in (
                ("generator", list(enlarger.tensors().values()), config.rate),
                ("critic", list(self.heads.parameters()), config.critic_rate),
            )
        }

    def tensors(self) -> Tensors:
        """See `codec.training.loop.Stage.tensors`."""
        return self.averaged() | {f"heads/{n}": t for n, t in self.heads.named_parameters()}

    def averaged(self) -> Tensors:
        """See `codec.training.loop.Stage.averaged`."""
        return {f"adapter/{n}": t for n, t in self.enlarger.tensors().items()}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See `codec.training.loop.Stage.optimizers`."""
        return self._optimizers

    def save(self, folder: Path) -> None:
        """See `codec.training.loop.Stage.save`."""
        self.enlarger.save(folder)

    def step(self, rng: torch.Generator) -> dict[str, float]:
        """See `codec.training.loop.Stage.step`; every chunk updates both optimisers once."""
        c, shown = self.config, dict[str, float]()
        drawn = [self._crops.sample(c.batch, c.crop, rng) for _ in range(c.accumulate)]
        pictures = [(self.before(hr, rng), hr) for hr in drawn]
        for pairs in zip(*(self._chunks(y, hr) for y, hr in pictures), strict=True):
            made, terms = self.generator_step(list(pairs))
            shown |= terms | {"critic": self.critic_step(made, [hr for _, hr in pairs])}
        return shown

    @torch.no_grad()
    def before(self, hr: Tensor, rng: torch.Generator) -> Tensor:
        """What the pass that is trained enlarges: the LR in the first stage, the frozen first pass's picture in the
        second; already enlarged, float [B, 3, H, W] in [-1, 1] as the photographs.
        """
        c, split = self.config, self.enlarger.config.split
        if self._tadm is not None:
            m = self._tadm(hr, rng)
        else:
            lr = degraded(hr, self.enlarger.config.scale, c.degradation, c.qualities, rng)
            x = enlarged(lr, split[0])
            if c.number == 0:
                return x
            with self._autocast():
                m = self._pipeline(0, x, self.enlarger.config.timesteps[0]).float().clamp(-1.0, 1.0)
        return F.interpolate(m, scale_factor=split[1], mode="bilinear", align_corners=False)

    def generator_step(self, pairs: list[Pair]) -> tuple[list[Tensor], dict[str, float]]:
        """Update the adapter on one chunk of every picture: L_G (Eq. 8); the heads take no gradient.

        Returns:
            What was made of each, without gradient, and the terms of the last.
        """
        made, shown = [], dict[str, float]()
        optimizer = self._optimizers["generator"]
        optimizer.zero_grad(set_to_none=True)
        self.heads.requires_grad_(False)
        for y, hr in pairs:
            terms, x_hat = self.generator_losses(y, hr)
            (torch.stack(list(terms.values())).sum() / len(pairs)).backward()
            shown = {name: float(term.detach()) for name, term in terms.items()}
            made.append(x_hat.detach())
        self.heads.requires_grad_(True)
        update(optimizer, self.config.clip)
        return made, shown

    def generator_losses(self, y: Tensor, hr: Tensor) -> tuple[Tensors, Tensor]:
        """The terms of L_G, each with its weight, and what the pass makes of y."""
        c = self.config
        with self._autocast():
            x_hat = self._pipeline(c.number, y, c.own_timestep)
        x_hat = x_hat.float()
        terms = {"ea_dists": c.ea_dists * self._edges(x_hat, hr).mean(), "mae": c.mae * l1(x_hat, hr).mean()}
        if c.gan:
            with self._autocast():
                logits = self.heads(self.features(x_hat))
            terms["gan"] = c.gan * generator_loss(logits, c.labels[0])
        return terms, x_hat

    def critic_step(self, made: list[Tensor], originals: list[Tensor]) -> float:
        """Update the heads on what was made and on photographs: L_D (Eq. 9). Returns it."""
        c, total = self.config, 0.0
        if not c.gan:
            return total
        optimizer = self._optimizers["critic"]
        optimizer.zero_grad(set_to_none=True)
        for x_hat, hr in zip(made, originals, strict=True):
            with self._autocast():
                with torch.no_grad():
                    real, fake = self.features(hr), self.features(x_hat)
                loss = c.gan * critic_loss(self.heads(real), self.heads(fake), c.labels)
            (loss / len(made)).backward()
            total += float(loss.detach()) / len(made)
        update(optimizer, c.clip)
        return total

    @torch.no_grad()
    def evaluate(self, folder: Path, step: int) -> list[dict[str, float]]:
        """See `codec.training.loop.Stage.evaluate`: EA-DISTS (or its stand-in) and PSNR of held-out squares, of what
        the pass is given and of what it makes.
        """
        c, rng = self.config, torch.Generator().manual_seed(self.config.seed)
        hr = CropStore(self._store, device=self._device, holdout=True).fixed(c.held_out, crop=c.crop)
        given = torch.cat([self.before(one, rng) for one in hr.split(1)])
        made = torch.cat([self._made(one) for one in given.split(1)])
        row = dict[str, float]()
        for name, x in (("given", given), ("made", made)):
            each = [self._edges(a, b) for a, b in zip(x.split(1), hr.split(1), strict=True)]
            row |= {f"ea_{name}": float(torch.cat(each).mean()), f"psnr_{name}": psnr(x, hr)}
        return [row]

    def _made(self, y: Tensor) -> Tensor:
        """The pass over a picture, chunk by chunk."""
        c, out = self.config, torch.empty_like(y)
        side = min(c.chunk, y.shape[2])
        for target, part in zip(chunks(out, side), chunks(y, side), strict=True):
            target.copy_(self._pipeline(c.number, part, c.own_timestep).clamp(-1.0, 1.0))
        return out

    def _chunks(self, y: Tensor, hr: Tensor) -> Iterator[Pair]:
        return zip(chunks(y, self.config.chunk), chunks(hr, self.config.chunk), strict=True)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=has_bf16(self._device))
