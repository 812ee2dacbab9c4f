"""A batch run from its first shard to its last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from codec.batch.job import Job, Record, Sample, Shard, Task
from codec.batch.places import Place
from codec.batch.store import Past, Store
from codec.batch.targets import target_of

#: Exit code of the command line where some samples failed and the run itself did not.
PARTIAL_EXIT_CODE = 3
#: Samples whose beginning is written down at once.
_BEGUN = 64


class Runner(Protocol):
    """Whoever works on tasks."""

    def __call__(self, shard: str, tasks: Iterable[Task]) -> Iterator[Record]:
        """Records of tasks, in the order in which they are done."""

    def close(self) -> None:
        """End the workers."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run did.

    Attributes:
        count: samples in all.
        kept: of these, done by an earlier run.
        failed: without a result, in this run or an earlier one.
        source_bytes, bytes: of samples with a result.
        seconds: that the run took.
        worked: samples that this run made, or tried to.
    """

    count: int
    kept: int
    failed: int
    source_bytes: int
    bytes: int
    seconds: float
    worked: int


class _Sums:
    """Counts while a run goes on."""

    def __init__(self) -> None:
        self.count = self.kept = self.failed = self.source_bytes = self.bytes = 0

    def add(self, record: Record, *, kept: bool) -> None:
        self.count += 1
        self.kept += kept
        if record.error:
            self.failed += 1
        else:
            self.source_bytes += record.source_bytes
            self.bytes += record.bytes


def run(
    job: Job, shards: Sequence[Shard], runner: Runner, *, part: tuple[int, int] = (0, 1),
    on_record: Callable[[Record], None] = lambda record: None,
) -> Summary:  # fmt: skip
    """Work on shards, one after another; what earlier runs did is kept.

    Args:
        job: what to do.
        shards: all of the source.
        runner: who does it.
        part: (i, n): only every n-th shard, from the i-th on: n machines share the work so.
        on_record: told of every sample that is done.

    Raises:
        InputError, UnsupportedError, OSError: the target cannot be used.
    """
    start, store, sums = time.monotonic(), Store(Place(job.target)), _Sums()
    target, past = target_of(job), store.load()
    standing = target.standing()
    try:
        for shard in shards[part[0] :: part[1]]:
            at = time.monotonic()
            target.begin(shard, ours=job.existing == "overwrite" or any(past.owns(s.name) for s in shard.samples))
            journal, records = store.journal(shard), dict[str, Record]()
            try:
                tasks = _tasks(shard, past, standing, journal.begin)
                for record in runner(shard.name, tasks):
                    records[record.name] = record
                    kept = record == past.known.get(record.name)
                    if not kept:
                        journal.add(record)
                    sums.add(record, kept=kept)
                    on_record(record)
            finally:
                journal.close()
            ordered = [records[sample.name] for sample in shard.samples]
            target.finish(shard, ordered)
            store.finish(shard, ordered, job, time.monotonic() - at)
    finally:
        runner.close()
    if part == (0, 1):
        store.drop(store.shards() - {shard.name for shard in shards})
    return Summary(
        count=sums.count, kept=sums.kept, failed=sums.failed, source_bytes=sums.source_bytes, bytes=sums.bytes,
        seconds=time.monotonic() - start, worked=sums.count - sums.kept,
    )  # fmt: skip


def _tasks(
    shard: Shard, past: Past, standing: set[str], note: Callable[[Sequence[Sample]], None]
) -> Iterator[Task]:  # fmt: skip
    """A shard's tasks; that they are begun is written down before anybody has them."""
    for at in range(0, len(shard.samples), _BEGUN):
        tasks = [
            Task(sample=s, known=past.known.get(s.name), foreign=s.name in standing and not past.owns(s.name))
            for s in shard.samples[at : at + _BEGUN]
        ]
        note([task.sample for task in tasks if not task.foreign and not past.owns(task.sample.name)])
        yield from tasks
