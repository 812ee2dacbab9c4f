"""Processes of this machine, each with its models loaded. A worker that dies takes at most its own sample with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from typing import Any

from codec.batch.job import Job, Record, Task
from codec.batch.worker import Worker, limit_threads

#: Samples handed to a worker ahead of time.
_AHEAD = 2
#: Times that a sample may be under work when a worker dies.
_TRIES = 2
_worker: Worker | None = None


def _begin(job: dict[str, Any]) -> None:
    """In a fresh worker."""
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which lets the samples under work end
    made = Job.from_dict(job)
    limit_threads(made.threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = Worker(made)


def _end_with_parent() -> None:
    """A worker whose parent was killed has nobody to work for."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _work(shard: str, task: Task) -> Record:
    assert _worker is not None  # _begin has run
    return _worker(shard, task)


class Local:
    """Runs tasks in processes."""

    def __init__(self, job: Job, workers: int) -> None:
        self._job, self._workers = job, workers
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, shard: str, tasks: Iterable[Task]) -> Iterator[Record]:
        """Work on tasks.

        Args:
            shard: that they are of.
            tasks: handed out in order.

        Yields:
            Their records, in the order in which they are done.
        """
        waiting, tries = iter(tasks), dict[str, int]()
        suspects: deque[Task] = deque()
        running: dict[Future[Record], Task] = {}
        while True:
            # those that were under work when a worker died run alone: who dies with it a second time was the cause
            room = 1 if suspects else self._workers * (1 + _AHEAD)
            while len(running) < room:
                task = suspects.popleft() if suspects and not running else None if suspects else next(waiting, None)
                if task is None:
                    break
                running[self._submit(shard, task)] = task
                if tries.get(task.sample.name):
                    break
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            broken = False
            for future in done:
                try:
                    record = future.result()
                except BrokenProcessPool:
                    broken = True
                    continue
                del running[future]
                yield record
            if broken:
                for task in running.values():
                    name = task.sample.name
                    tries[name] = tries.get(name, 0) + 1
                    if tries[name] < _TRIES:
                        suspects.append(task)
                    else:
                        yield Record(
                            uri=task.sample.uri, name=name, options_key=self._job.options_key,
                            error="WorkerDied: its process was killed, or had too little memory",
                        )  # fmt: skip
                running.clear()
                self.close()

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def _submit(self, shard: str, task: Task) -> Future[Record]:
        if self._pool is None:
            # a fresh interpreter each: networks and a copy of a process that has threads do not go together
            self._pool = ProcessPoolExecutor(
                self._workers, multiprocessing.get_context("spawn"), _begin, (self._job.to_dict(),)
            )
        try:
            with _unheard():
                return self._pool.submit(_work, shard, task)
        except BrokenProcessPool as exc:
            failed: Future[Record] = Future()
            failed.set_exception(exc)
            return failed


@contextmanager
def _unheard() -> Iterator[None]:
    """Processes begun here never hear of Ctrl-C, which reaches them all, from their first instruction on; this one
    hears of it afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows: they may say that they were interrupted
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
