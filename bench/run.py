"""A run: for every photograph and codec find the settings, write files, have them decoded elsewhere, measure."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from pathlib import Path

import torch

from bench.codecs.base import fingerprint
from bench.decoding import Decoder
from bench.environment import describe
from bench.journal import Entry, Journal, Key, body, key_of
from bench.metrics.external import ready
from bench.photos import digest, read_photo
from bench.plan import Plan
from bench.task import FAILED, Task, Work, perform

#: Called with (tasks done, tasks in all, what was done last).
Progress = Callable[[int, int, str], None]


def execute(
    plan: Plan, jobs: int = 1, progress: Progress = lambda *_: None, then: Callable[[], None] = lambda: None
) -> None:
    """Measure whatever the plan asks for and the journal has not; rows get measures of others that came later.

    Args:
        plan: what to do.
        jobs: processes that measure, each with a decoding process of its own; 1 = this one.
        progress: told before the first task and after every one.
        then: called when all is measured, while no other run may use the folder.

    A kill at any moment loses at most the entries in work; the same call goes on where the last one stopped.

    Raises:
        BenchError: another run is at work in the same folder.
    """
    journal = Journal(plan.journal)
    with journal.alone():
        shutil.rmtree(plan.scratch, ignore_errors=True)
        plan.save()
        journal.mend()
        journal.add([{"environment": describe(plan.options, plan.threads)}])
        for tasks in _rounds(plan):
            work, number = _left(plan, tasks, journal.read())
            progress(0, len(work), "")
            finished = _in_parallel(plan, work, number, jobs) if jobs > 1 else _in_line(plan, work, number)
            for count, task in enumerate(finished, 1):
                progress(count, len(work), str(task))
        then()
        shutil.rmtree(plan.scratch, ignore_errors=True)


def _rounds(plan: Plan) -> list[list[Task]]:
    """Tasks that may be done at once; where peers are measured by the first codec's files, those come first."""
    tasks = tasks_of(plan)
    if plan.protocol != "first":
        return [tasks]
    return [[t for t in tasks if plan.specs[0] in t.specs], [t for t in tasks if plan.specs[0] not in t.specs]]


def _left(plan: Plan, tasks: list[Task], entries: list[Entry]) -> tuple[list[Work], int]:
    """What is left to do of some tasks, and the number of the environment it is done in."""
    valid = valid_entries(plan, entries)
    done, limits = {key_of(row) for e in valid if (row := body(e))}, limits_of(plan, valid)
    work = [
        Work(task, wanted, lacking, {t: limits.get((task.photo.stem, t)) for t in plan.targets})
        for task in tasks
        for wanted, lacking in [(wanted_keys(plan, task) - done, _lacking(plan, task, valid))]
        if wanted or lacking
    ]
    return work, sum("environment" in e for e in entries) - 1


def limits_of(plan: Plan, valid: list[Entry]) -> dict[tuple[str, float], float]:
    """By image and target: the bpp that peers may spend under the protocol `first`."""
    first = plan.codec(plan.specs[0]).name
    rows = [e["row"] for e in valid if "row" in e and e["row"]["codec"] == first]
    return {(row["image"], row["target"]): row["bpp"] for row in rows}


def tasks_of(plan: Plan) -> list[Task]:
    """All tasks, photograph by photograph, so that an interrupted run has whole photographs."""
    groups: dict[str, list[str]] = {}
    for spec in plan.specs:
        groups.setdefault(plan.codec(spec).encode_key, []).append(spec)
    return [Task(photo, tuple(specs)) for photo in plan.photos for specs in groups.values()]


def wanted_keys(plan: Plan, task: Task) -> set[Key]:
    """Image, codec and target of every entry of a task."""
    return {(task.photo.stem, plan.codec(spec).name, target) for spec in task.specs for target in plan.targets}


def _lacking(plan: Plan, task: Task, valid: list[Entry]) -> list[Entry]:
    """Rows of a task without a measure of others that is here by now."""
    if not plan.external:
        return []
    keys, now = wanted_keys(plan, task), ready()
    rows = [e["row"] for e in valid if "row" in e and key_of(e["row"]) in keys]
    return [row for row in rows if now - row["metrics"].keys() - set(row.get("without", ()))]


def valid_entries(plan: Plan, entries: list[Entry], *, failures: bool = False) -> list[Entry]:
    """Rows and unreached entries of a journal that this plan may use, a later one in place of an earlier.

    An entry is valid if the same version of the codec was measured on the same pixels under the same protocol and, for
    a row, its file is still the one that was measured. A failure counts only if asked for: a run tries it again, a
    report shows it.
    """
    codecs = {codec.name: codec for codec in map(plan.codec, plan.specs)}
    photos = {path.stem: path for path in plan.photos}
    found: dict[Key, Entry] = {}
    for entry in entries:
        row = body(entry)
        if row is None or row["codec"] not in codecs or row["image"] not in photos or row["target"] not in plan.targets:
            continue
        codec = codecs[row["codec"]]
        valid = row["version"] == codec.version() and row["protocol"] == plan.protocol
        valid = valid and row["digest"] == _digest(photos[row["image"]])
        if "row" in entry:
            valid = valid and _unchanged(plan.coded(codec, row["image"], row["setting"]), row["file"])
            valid = valid and plan.features(codec.name, row["image"], row["setting"]).exists()
        elif row["reason"].startswith(FAILED):
            valid = valid and failures
        if valid:
            found[key_of(row)] = entry
    if plan.protocol != "first":
        return list(found.values())
    limits, key = limits_of(plan, list(found.values())), plan.codec(plan.specs[0]).encode_key
    return [
        entry
        for (image, name, target), entry in found.items()
        if codecs[name].encode_key == key or (body(entry) or {}).get("limit") == limits.get((image, target))
    ]


def _in_line(plan: Plan, work: list[Work], number: int) -> Iterator[Task]:
    _compute_with(plan.threads)
    with Decoder(plan.options, plan.threads, plan.scratch / "line") as decoder:
        for left in work:
            perform(plan, left, number, decoder)
            yield left.task


def _in_parallel(plan: Plan, work: list[Work], number: int, jobs: int) -> Iterator[Task]:
    context = multiprocessing.get_context("spawn")
    own = plan.scratch / "jobs"
    own.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs, context, initializer=_start_job, initargs=(plan, os.getpid(), own)) as pool:
        waiting = {pool.submit(_job, plan, left, number): left.task for left in work}
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        except BaseException:
            # a task, even one call of an encoder in it, may take minutes and is done anew next time: jobs end now
            pool.shutdown(wait=False, cancel_futures=True)
            for path in own.iterdir():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(path.name), signal.SIGTERM)
            raise


def _unchanged(path: Path, known: str) -> bool:
    return path.exists() and fingerprint(path.read_bytes()) == known


@lru_cache(maxsize=4096)
def _digest(path: Path) -> str:
    return digest(read_photo(path).pixels)


_decoder: Decoder | None = None


def _compute_with(threads: int) -> None:
    """In this process, whatever runs its networks."""
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)


def _start_job(plan: Plan, parent: int, own: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _compute_with(plan.threads)
    (own / str(os.getpid())).touch()
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A job whose parent was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _job(plan: Plan, left: Work, number: int) -> None:
    global _decoder  # one decoding process a job, kept from task to task
    if _decoder is None:
        _decoder = Decoder(plan.options, plan.threads, plan.scratch / str(os.getpid()))
    perform(plan, left, number, _decoder)
