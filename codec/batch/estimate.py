"""What a run would cost, from some of its pictures."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from codec.batch.job import Job, Record, Shard, Task
from codec.batch.run import Runner

#: Standard errors to either side that hold the mean nineteen times of twenty.
_SPREAD = 1.96


@dataclass(frozen=True, kw_only=True)
class Range:
    """An expected value, and what it lies between nineteen times of twenty."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a run would cost.

    Attributes:
        count: pictures in all.
        sampled: of these, worked on.
        failed: of the sampled.
        bytes: of all results together.
        hours: of the whole run.
        bpp: mean of the sampled; 0 where there is none.
    """

    count: int
    sampled: int
    failed: int
    bytes: Range
    hours: Range
    bpp: float


def estimate(job: Job, shards: Sequence[Shard], runner: Runner, *, workers: int, count: int, seed: int = 0) -> Estimate:
    """Work on some samples and throw the results away.

    Args:
        job: what to do.
        shards: all of the source.
        runner: who does it, for a job that is `dry`.
        workers: that the run would have.
        count: samples to take, at random.
        seed: of the choice.
    """
    samples = [sample for shard in shards for sample in shard.samples]
    chosen = random.Random(seed).sample(samples, min(count, len(samples)))
    try:
        records = list(runner("dry", (Task(sample=sample) for sample in chosen)))
    finally:
        runner.close()
    return extrapolated(records, len(samples), workers)


def extrapolated(records: Sequence[Record], count: int, workers: int) -> Estimate:
    """From some pictures to all; the failed ones cost time and give nothing."""
    done = [record for record in records if not record.error]
    left = 1 - len(records) / count  # nothing is uncertain about those that were worked on
    hours = _total([record.seconds / workers / 3600 for record in records], count, left)
    bpp = sum(record.bpp for record in done) / len(done) if done else 0.0
    return Estimate(
        count=count, sampled=len(records), failed=len(records) - len(done), hours=hours, bpp=bpp,
        bytes=_total([float(record.bytes) for record in records], count, left),
    )  # fmt: skip


def _total(values: Sequence[float], count: int, left: float) -> Range:
    """The sum over all, from the mean of some: normal, with the correction for a finite number."""
    n = len(values)
    mean = sum(values) / n
    variance = sum((value - mean) ** 2 for value in values) / max(n - 1, 1)
    error = _SPREAD * math.sqrt(variance / n * max(left, 0.0))
    return Range(value=count * mean, low=count * max(mean - error, 0.0), high=count * (mean + error))


def dry(job: Job) -> Job:
    """The job without results."""
    return replace(job, dry=True)
