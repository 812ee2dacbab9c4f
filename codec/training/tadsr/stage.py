"""What one step of TADSR does: the student learns by L_Stu (Eq. 9), then the fake score by L_Diff (Eq. 10)."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from codec.errors import InputError
from codec.models.device import has_bf16
from codec.models.sd21.one_step import FORMS
from codec.models.tadsr.config import LARGEST_TIMESTEP, timestep_of
from codec.training.crops import CropStore
from codec.training.loop import update
from codec.training.losses import psnr
from codec.training.perceptual import Term, perceptual_term
from codec.training.sd21.degradation import degraded, enlarged
from codec.training.state import Tensors
from codec.training.tadsr.blurred import blurred_mse
from codec.training.tadsr.config import TadsrStageConfig
from codec.training.tadsr.scores import ScoreNetwork
from codec.training.tadsr.tavsd import diffusion_loss, noised, tavsd_loss, teacher_timestep
from codec.training.tadsr.trainable import Student

#: Timesteps of plain VSD: the ablation that does not couple the teacher's to the student's.
_RANDOM_T = (20, 979)


class TadsrStage:
    """See `codec.training.loop.Stage`.

    Attributes:
        config: of the stage.
        student: what becomes a package.
        scores: teacher and fake score.
    """

    def __init__(
        self, config: TadsrStageConfig, student: Student, scores: ScoreNetwork, store: Path, device: torch.device
    ) -> None:
        """Prepare.

        Raises:
            InputError: there is no crop store, a perceptual term is unknown, or the weights are of another kind.
            ModelError: a perceptual term's weights are not on this machine.
        """
        for name in ("scale", "one_step", "encoder"):
            stage, package = getattr(config, name), getattr(student.config, name)
            if stage != package:
                raise InputError(f"the stage has {name} = {stage!r}, the weights have {package!r}")
        self.config, self.student, self.scores, self._device = config, student, scores.to(device), device
        self._pipeline = student.pipeline.to(device)
        if config.checkpointing:
            for network in (self._pipeline.denoiser.unet, scores.unet):
                network.enable_gradient_checkpointing()
                network.train()  # there is no dropout that it would wake
        self._terms: dict[str, tuple[float, Term]] = {
            n: (w, perceptual_term(n, device)) for n, w in config.perceptual.items()
        }
        self._crops, self._store = CropStore(store, device=device), store
        self._optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.AdamW(tensors.values(), config.rate, config.betas, weight_decay=config.weight_decay)
            for name, tensors in (("student", student.tensors()), ("fake", scores.tensors()))
        }

    def tensors(self) -> Tensors:
        """See `codec.training.loop.Stage.tensors`."""
        return self.averaged() | {f"fake/{n}": t for n, t in self.scores.tensors().items()}

    def averaged(self) -> Tensors:
        """See `codec.training.loop.Stage.averaged`."""
        return {f"student/{n}": t for n, t in self.student.tensors().items()}

    def optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """See `codec.training.loop.Stage.optimizers`."""
        return self._optimizers

    def save(self, folder: Path) -> None:
        """See `codec.training.loop.Stage.save`."""
        self.student.save(folder)

    def step(self, rng: torch.Generator) -> dict[str, float]:
        """See `codec.training.loop.Stage.step`."""
        c, shown = self.config, dict[str, float]()
        latents = []
        for name in ("student", "fake"):
            self._optimizers[name].zero_grad(set_to_none=True)
        for _ in range(c.accumulate):
            terms, z = self.student_losses(self._crops.sample(c.batch, c.crop, rng), rng)
            (torch.stack(list(terms.values())).sum() / c.accumulate).backward()
            shown |= {name: float(term.detach()) for name, term in terms.items()}
            latents.append(z.detach())
        update(self._optimizers["student"], c.clip)
        for z in latents:
            loss = c.diffusion * self.score_loss(z, rng)
            (loss / c.accumulate).backward()
            shown["diffusion"] = float(loss.detach())
        update(self._optimizers["fake"], c.clip)
        return shown

    def student_losses(self, hr: Tensor, rng: torch.Generator) -> tuple[Tensors, Tensor]:
        """The terms of L_Stu of one batch, each with its weight, and the student's latents.

        Args:
            hr: float [B, 3, H, W] in [-1, 1].
            rng: CPU generator of degradation, timesteps and noise.
        """
        c, p = self.config, self._pipeline
        x = enlarged(degraded(hr, c.scale, c.degradation, c.qualities, rng), c.scale)
        t_s = self._student_timesteps(len(hr), rng)
        with self._autocast():
            z_l = p.encoder(x, t_s)
            prediction = p.denoiser(z_l, t_s)
        z = FORMS[c.one_step](z_l.float(), prediction.float(), p.alphas_cumprod[t_s].view(-1, 1, 1, 1))
        with self._autocast():
            made = p.latent_codec.decode_unclamped(z).float()
        fidelity = blurred_mse(made, hr, t_s, c.blur_sigma) if c.blur == "by_timestep" else (made - hr).square()
        terms = {"mse": c.mse * fidelity.mean()}
        for name, (weight, term) in self._terms.items():
            terms[name] = weight * term(made, hr).mean()
        if c.tavsd:
            t_v = self._teacher_timesteps(t_s, rng)
            guidance = c.guidance + c.guidance_slope * t_v
            with self._autocast():
                pull = tavsd_loss(z, _normal(z, rng), self.scores, t_v, guidance, p.alphas_cumprod, c.weight)
            terms["tavsd"] = c.tavsd * pull
        return terms, z

    def score_loss(self, z: Tensor, rng: torch.Generator) -> Tensor:
        """L_Diff of one batch of the student's latents, float [B, 4, h, w], without gradient on them."""
        t = torch.randint(LARGEST_TIMESTEP + 1, (len(z),), generator=rng).to(z.device)
        noise = _normal(z, rng)
        with self._autocast():
            eps = self.scores.fake(noised(z, noise, self._pipeline.alphas_cumprod[t]), t)
        return diffusion_loss(eps.float(), noise)

    @torch.no_grad()
    def evaluate(self, folder: Path, step: int) -> list[dict[str, float]]:
        """See `codec.training.loop.Stage.evaluate`: PSNR and blurred error of held-out squares along the dial."""
        c = self.config
        rng = torch.Generator().manual_seed(c.seed)
        hr = CropStore(self._store, device=self._device, holdout=True).fixed(c.held_out, crop=c.crop)
        x = enlarged(degraded(hr, c.scale, c.degradation, c.qualities, rng), c.scale)
        row = {"psnr_enlarged": psnr(x, hr)}
        for realism in (0.0, 0.5, 1.0):
            t_s = timestep_of(c.dial, realism)
            made = torch.cat([self._pipeline.restore(one, t_s).x_hat for one in x.split(1)])
            row[f"psnr_r{realism:g}"] = psnr(made, hr)
            times = torch.full((len(hr),), t_s)
            row[f"blurred_r{realism:g}"] = float(blurred_mse(made, hr, times, c.blur_sigma).mean())
        return [row]

    def _student_timesteps(self, count: int, rng: torch.Generator) -> Tensor:
        c = self.config
        low, high = c.t_s
        if c.t_s_values:
            known = torch.linspace(max(1, low), high, c.t_s_values).long()
            t_s = known[torch.randint(len(known), (count,), generator=rng)]
        else:
            t_s = torch.randint(low, high + 1, (count,), generator=rng)
        return t_s.to(self._device)

    def _teacher_timesteps(self, t_s: Tensor, rng: torch.Generator) -> Tensor:
        if self.config.teacher_t == "coupled":
            return teacher_timestep(t_s, self.config.slope, self.config.offset)
        return torch.randint(_RANDOM_T[0], _RANDOM_T[1] + 1, (len(t_s),), generator=rng).to(t_s.device)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=has_bf16(self._device))


def _normal(like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(like.shape, generator=rng).to(like)
