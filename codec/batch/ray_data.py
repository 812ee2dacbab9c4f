"""Ray Data: the same work on a cluster, in actors that keep their models loaded.

Rows are tasks; an actor that is killed comes back, and Ray hands its block out again. What is done goes into the same
journal as that of processes of one machine, row by row as results arrive: that is the checkpoint. (Ray Data has one of
its own, which knows rows by an id alone: it would keep results whose source has changed, and it ends in a writer.)
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from codec.batch.job import Job, Record, Sample, Task
from codec.batch.worker import Worker, limit_threads
from codec.optional import need

#: Rows that an actor gets at once, and that are lost with it.
_BLOCK = 8


class RayWorker:
    """A worker inside an actor."""

    def __init__(self, job: dict[str, Any]) -> None:
        made = Job.from_dict(job)
        limit_threads(made.threads)
        self._worker = Worker(made)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """One task as plain values; its record likewise."""
        known = None if row["known"] is None else Record(**row["known"])
        task = Task(sample=Sample(**row["sample"]), known=known, foreign=row["foreign"])
        return asdict(self._worker(row["shard"], task))


class RayData:
    """Runs tasks on the cluster that RAY_ADDRESS names, or on one of this machine."""

    def __init__(self, job: Job, workers: int) -> None:
        """Join the cluster, or start one.

        Raises:
            UnsupportedError: Ray is not installed.
        """
        self._ray = need("ray", "batch-ray", "runs on Ray")
        self._data = need("ray.data", "batch-ray", "runs on Ray")
        self._job, self._workers = job, workers
        self._ours = not self._ray.is_initialized()
        if self._ours:
            here = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
            self._ray.init(log_to_driver=False, logging_level="ERROR", **here)
        context = self._data.DataContext.get_current()
        context.enable_progress_bars = False
        context.max_errored_blocks = -1  # what a dead actor leaves is looked for below

    def __call__(self, shard: str, tasks: Iterable[Task]) -> Iterator[Record]:
        """See `codec.batch.local.Local`."""
        left = {task.sample.name: task for task in tasks}
        # those whose block was lost twice run one by one: who is then lost was the cause
        for block, actors in ((_BLOCK, self._workers), (1, 1)):
            if not left:
                return
            for record in self._records(shard, list(left.values()), block, actors):
                if left.pop(record.name, None) is not None:
                    yield record
        for task in left.values():
            yield Record(
                uri=task.sample.uri, name=task.sample.name, options_key=self._job.options_key,
                error="WorkerDied: its process was killed, or had too little memory",
            )  # fmt: skip

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._ours and self._ray.is_initialized():
            self._ray.shutdown()

    def _records(self, shard: str, tasks: list[Task], block: int, actors: int) -> Iterator[Record]:
        rows = [
            {"sample": asdict(t.sample), "known": None if t.known is None else asdict(t.known), "foreign": t.foreign,
             "shard": shard}
            for t in tasks
        ]  # fmt: skip
        data = self._data.from_items(rows, override_num_blocks=-(-len(rows) // block))
        made = data.map(
            RayWorker, fn_constructor_args=(self._job.to_dict(),), num_cpus=1,
            # one block at a time: those queued behind one that kills its actor would fail with it
            compute=self._data.ActorPoolStrategy(size=min(actors, len(rows)), max_tasks_in_flight_per_actor=1),
            ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": 1},
        )  # fmt: skip
        for row in made.iter_rows():
            yield Record(**row)
