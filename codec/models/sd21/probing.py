"""Which conventions a package's weights were trained with: every combination is tried on a photograph.

Each convention is judged by what it changes first: what the rescaler takes by its LR, what it gives by its latent, and
all that comes later by the decoded picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.arrays import PixelArray
from codec.models.files import read_config
from codec.models.rounding import from_uint8, to_uint8
from codec.models.sd21.backbone import BackbonePaths, find_parts, load_backbone
from codec.models.sd21.config import CONVENTIONS, Conventions
from codec.models.sd21.encoding import LrEncoder
from codec.models.sd21.geometry import LATENT_HR_MULTIPLE
from codec.models.sd21.one_step import PREDICTIONS
from codec.models.sd21.package import load_release
from codec.models.sd21.pipeline import Sd21Pipeline
from codec.models.sd21.release import build_pipeline
from codec.models.sd21.sources import backbone_of

#: By how much another combination must be better before the stored one is doubted: shares of the two errors, and dB.
_SHARE, _DECIBELS = 0.02, 0.05
#: The stored prompt and VAE, in what is printed.
STORED = "stored"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One combination and what it gives.

    Attributes:
        conventions: those that are formulas.
        prompt: name of the prompt, "stored" = the package's.
        vae: name of the VAE, likewise.
        lr_error: mean |LR - downscale of the photograph|, grey levels.
        latent_error: mean |z_hat - z|, both times the scaling factor.
        psnr: of the decoded photograph, RGB, dB.
    """

    conventions: Conventions
    prompt: str
    vae: str
    lr_error: float
    latent_error: float
    psnr: float


def probe(
    folder: Path, pixels: PixelArray, *, device: torch.device, prompts: dict[str, Tensor] | None = None,
    vae: Path | None = None, on_progress: Callable[[int, int], None] = lambda *_: None,
) -> list[Finding]:  # fmt: skip
    """Try every combination.

    Args:
        folder: a package.
        pixels: a photograph, uint8 [H, W, 3]; a part of some 512 px is enough. Cut to multiples of 64.
        device: where to run, in float32.
        prompts: embeddings to try beside the stored one, by name, float [1, tokens, width].
        vae: folder of a VAE to try beside the package's.
        on_progress: called with (combinations done, combinations in all).

    Returns:
        A finding a combination, the package's own first.

    Raises:
        ModelError: the package or its backbone is absent or incomplete.
    """
    release, stored_prompt = load_release(folder)
    paths = backbone_of(folder, read_config(folder))
    own = release.config.conventions
    embeddings = {STORED: stored_prompt} | (prompts or {})
    vaes: dict[str, BackbonePaths] = {STORED: paths}
    if vae is not None:
        vaes[str(vae)] = replace(paths, vae=find_parts(paths.unet.parent, vae).vae)
    choices = list(_choices(own))
    total, found = len(vaes) * len(embeddings) * len(choices), list[Finding]()
    whole = _cut(pixels)
    for vae_name, where in vaes.items():
        backbone = load_backbone(where, own.prediction)
        pipeline = build_pipeline(backbone, release, stored_prompt, merge=True).to(device)
        tried = _Tried(pipeline, whole.to(device))
        for (prompt, embedding), conventions in product(embeddings.items(), choices):
            pipeline.denoiser.prompt.copy_(embedding)
            lr, latent, psnr = tried.figures(conventions)
            found.append(
                Finding(
                    conventions=conventions, prompt=prompt, vae=vae_name, lr_error=lr, latent_error=latent, psnr=psnr
                )
            )
            on_progress(len(found), total)
    return found


def best(findings: Iterable[Finding]) -> Finding:
    """The most plausible finding: the smallest error of the LR, then of the latent, then the highest PSNR.

    The first one, which is the package's own, stays ahead of what is hardly better.
    """
    left = list(findings)
    own = left[0]
    for name, sign in (("lr_error", 1.0), ("latent_error", 1.0), ("psnr", -1.0)):
        values = [sign * getattr(one, name) for one in left]
        least = min(values)
        slack = _SHARE * abs(least) if sign > 0 else _DECIBELS
        if own in left and sign * getattr(own, name) <= least + slack:
            least = sign * getattr(own, name)
        left = [one for one, value in zip(left, values, strict=True) if value == least]
    return left[0]


def table(findings: list[Finding]) -> list[str]:
    """A line a finding under a heading, the best one marked; columns as in `Finding`."""
    names = ("latent_in", "latent_out", "predictor_in", "prediction")
    header = ("", *names, "prompt", "vae", "|LR - down|", "|z_hat - z|", "PSNR")
    chosen = best(findings)
    rows = [header]
    for one in findings:
        mark = ("*" if one is chosen else "") + ("=" if one is findings[0] else "")
        formulas = (getattr(one.conventions, name) for name in names)
        rows.append((
            mark, *formulas, one.prompt, one.vae, f"{one.lr_error:.2f}", f"{one.latent_error:.4f}", f"{one.psnr:.2f}"
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [*lines, "= stored in the package, * best"]


def doubt(findings: list[Finding]) -> str | None:
    """What is wrong with the package's own combination, and how to import it instead; None = it is the best."""
    own, better = findings[0], best(findings)
    if better is own:
        return None
    changes = [
        f"--convention {name}={getattr(better.conventions, name)}"
        for name in ("latent_in", "latent_out", "predictor_in", "prediction")
        if getattr(better.conventions, name) != getattr(own.conventions, name)
    ]
    changes += [f"the prompt {better.prompt}"] if better.prompt != own.prompt else []
    changes += [f"--vae {better.vae}"] if better.vae != own.vae else []
    return (
        f"the stored conventions are not the best: |LR - downscale| {own.lr_error:.2f} against {better.lr_error:.2f}, "
        f"|z_hat - z| {own.latent_error:.4f} against {better.latent_error:.4f}, PSNR {own.psnr:.2f} against "
        f"{better.psnr:.2f} dB; import again with {', '.join(changes)}"
    )


def _choices(own: Conventions) -> Iterator[Conventions]:
    """Every combination of the conventions that are formulas, the package's own first."""
    names = ("latent_in", "latent_out", "predictor_in", "prediction")
    values = [sorted(CONVENTIONS[name], key=lambda v, n=name: v != getattr(own, n)) for name in names]  # type: ignore[misc]
    for chosen in product(*values):
        yield replace(own, **dict(zip(names, chosen, strict=True)))


class _Tried:
    """One set of networks over the combinations; what two of them share is computed once."""

    def __init__(self, pipeline: Sd21Pipeline, x: Tensor) -> None:
        self._p, self._x = pipeline, x
        self._lr: dict[str, Tensor] = {}
        with torch.no_grad():
            self._z = pipeline.latent_codec.encode(x)

    @torch.no_grad()
    def figures(self, conventions: Conventions) -> tuple[float, float, float]:
        p = self._p
        p.conventions = conventions
        p.scheduler.form = PREDICTIONS[conventions.prediction]
        if conventions.latent_in not in self._lr:
            encoder = LrEncoder(p.latent_codec, p.rescaler, conventions)
            self._lr[conventions.latent_in] = from_uint8(to_uint8(encoder.encode_padded(self._x)))
        lr = self._lr[conventions.latent_in]
        small = F.interpolate(self._x, scale_factor=1 / p.scale, mode="bicubic", antialias=True)
        made = p.decode(lr, plan=None)
        latent = (made.z_hat * p.latent_codec.scaling_factor - self._z).abs().mean()
        error = (made.x_hat - self._x).square().mean().clamp_min(1e-10)
        return float((lr - small).abs().mean() * 127.5), float(latent), float(10 * torch.log10(4 / error))


def _cut(pixels: PixelArray) -> Tensor:
    height, width = (max(LATENT_HR_MULTIPLE, n // LATENT_HR_MULTIPLE * LATENT_HR_MULTIPLE) for n in pixels.shape[:2])
    x = from_uint8(torch.from_numpy(pixels[:height, :width].copy())).permute(2, 0, 1)[None]
    return x
