"""What each of the papers' figures has to measure: a run of the bench with the right codecs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.codecs.base import CodecOptions
from bench.codecs.registry import available
from bench.codecs.tadm import Variant, scales
from bench.errors import BenchError
from bench.plan import Plan
from bench.rates import RAW_BPP, Protocol

if TYPE_CHECKING:
    from bench.run import Progress

FIXED_TIMESTEPS = (1.0, 25.0, 50.0, 100.0, 150.0, 200.0)
DIAL = (0.0, 0.25, 0.5, 0.75, 1.0)
DIAL_TARGETS = (0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Wanted:
    """Codecs and rates of a figure's run."""

    specs: tuple[str, ...]
    protocol: Protocol
    targets: tuple[float, ...]


def rescaler_parts(options: CodecOptions) -> Wanted:
    """Fig. 6 of TADM on ours: bicubic alone, with the learned reader, with the denoiser at realism 0; lossless LR."""
    specs = [
        spec
        for scale in scales(options.model)
        for spec in (
            f"png/{scale}",
            str(Variant(scale=scale, payload="png", realism=None)),
            str(Variant(scale=scale, payload="png", realism=0.0)),
        )
    ]
    return Wanted(tuple(specs), "finest", (RAW_BPP,))


def fixed_timesteps(scale: int, target: float) -> Wanted:
    """Fig. 7 of TADM on ours: one timestep everywhere against predicted ones, same files, realism 1."""
    fixed = [str(Variant(scale=scale, timestep=t)) for t in FIXED_TIMESTEPS]
    return Wanted((*fixed, str(Variant(scale=scale)), str(Variant(scale=scale, realism=0.0))), "below", (target,))


def lossless(scale: int) -> Wanted:
    """A package as the papers measure it: lossless LR, realism 1."""
    return Wanted((str(Variant(scale=scale, payload="png", realism=1.0)),), "finest", (RAW_BPP,))


def rescaling_spaces(scale: int, others: tuple[str, ...]) -> Wanted:
    """Table 2 of TADM: rescaling in the latent with and without what Stable Diffusion adds, and others."""
    ours = [str(Variant(scale=scale, payload="png", realism=r)) for r in (None, 1.0)]
    return Wanted((*others, *ours), "finest", (RAW_BPP,))


def comparison(options: CodecOptions, others: tuple[str, ...]) -> Wanted:
    """Table 1 of TADM on ours: lossless LR at 16x and 32x, whichever the model has."""
    known = [s for s in scales(options.model) if s in (16, 32)]
    if not known:
        raise BenchError("the model has neither scale 16 nor 32, which Table 1 compares")
    ours = [str(Variant(scale=s, payload="png", realism=r)) for s in known for r in (0.0, 1.0)]
    return Wanted((*(f"png/{s}" for s in known), *ours, *others), "finest", (RAW_BPP,))


def upper_bound() -> Wanted:
    """Table 4 of TADM on ours: 4x rescaling without loss in coding."""
    ours = [str(Variant(scale=4, payload="png", realism=r)) for r in (None, 0.0)]
    return Wanted(("png/4", *ours), "finest", (RAW_BPP,))


def dial(scale: int, targets: tuple[float, ...]) -> Wanted:
    """The realism dial of ours (realism times predicted timestep) at several rates, same files along the dial."""
    return Wanted(tuple(str(Variant(scale=scale, realism=r)) for r in DIAL), "below", targets)


def measure(
    wanted: Wanted, photos: list[Path], out: Path, options: CodecOptions, *, jobs: int, threads: int, external: bool,
    progress: Progress,
) -> dict[str, Any]:  # fmt: skip
    """Run it, or go on with it, and return its record, which is also written to `out/results.json`."""
    from bench import records

    codecs, skipped = available(list(wanted.specs), options)
    if not codecs:
        raise BenchError("; ".join(skipped.values()))
    plan = Plan(
        out=out, photos=tuple(photos), specs=tuple(codecs), protocol=wanted.protocol, targets=wanted.targets,
        options=options, threads=threads, external=external,
    )  # fmt: skip
    return records.measure(plan, skipped, jobs, progress)
