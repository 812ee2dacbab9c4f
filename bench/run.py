"""A run: for every photograph and codec find the settings, write files, have them decoded elsewhere, measure."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from bench.codecs.base import Codec, Expected
from bench.codecs.registry import make
from bench.decoding import Decoder
from bench.environment import describe
from bench.errors import CodecError
from bench.journal import Entry, Journal, Key, key_of
from bench.metrics.external import measure_external
from bench.metrics.panel import Prepared, measure, prepare
from bench.photos import Photo, digest, read_photo
from bench.plan import Plan
from bench.rates import Unreached, choose

#: Called with (tasks done, tasks in all, what was done last).
Progress = Callable[[int, int, str], None]
FAILED = "failed: "


@dataclass(frozen=True)
class Task:
    """One photograph and the codecs that share one encoder."""

    photo: Path
    specs: tuple[str, ...]


def execute(plan: Plan, jobs: int, progress: Progress = lambda *_: None) -> None:
    """Measure whatever the plan asks for and the journal has not.

    Args:
        plan: what to do.
        jobs: processes that measure, each with a decoding process of its own; 1 = this one.
        progress: told after every task.

    A kill at any moment loses at most the tasks in work; the same call goes on where the last one stopped.
    """
    journal = Journal(plan.journal)
    journal.mend()
    entries = journal.read()
    journal.add([{"environment": describe(plan.options, plan.threads)}])
    number = sum("environment" in e for e in entries)
    tasks = [t for t in tasks_of(plan) if missing(plan, t, entries)]
    total = len(tasks)
    if jobs == 1 or total <= 1:
        torch.set_num_threads(plan.threads)
        with Decoder(plan.options, plan.threads) as decoder:
            for done, task in enumerate(tasks, 1):
                perform(plan, task, number, decoder, entries)
                progress(done, total, _label(task))
        return
    for done, task in enumerate(_in_parallel(plan, tasks, number, entries, jobs), 1):
        progress(done, total, _label(task))


def tasks_of(plan: Plan) -> list[Task]:
    """All tasks, photograph by photograph, so that an interrupted run has whole photographs."""
    groups: dict[str, list[str]] = {}
    for spec in plan.specs:
        groups.setdefault(make(spec, plan.options).encode_key, []).append(spec)
    return [Task(photo, tuple(specs)) for photo in plan.photos for specs in groups.values()]


def missing(plan: Plan, task: Task, entries: list[Entry]) -> list[Key]:
    """Keys of a task that the journal has no valid entry for.

    An entry is valid if the same version of the codec was measured under the same protocol and, for a row, its files
    are still there. A failure is tried again.
    """
    done = {key_of(e) for e in valid_entries(plan, entries)}
    wanted = [(task.photo.stem, make(spec, plan.options).name, target) for spec in task.specs for target in plan.targets]
    return [key for key in wanted if key not in done]


def valid_entries(plan: Plan, entries: list[Entry]) -> list[Entry]:
    """Rows and unreached entries that this plan may use, a later one in place of an earlier."""
    versions = {c.name: (c, c.version()) for c in (_codec(plan, spec) for spec in plan.specs)}
    images, found = {p.stem: p for p in plan.photos}, {}
    for entry in entries:
        row = entry.get("row") or entry.get("unreached")
        if row is None or row["codec"] not in versions or row["image"] not in images:
            continue
        codec, version = versions[row["codec"]]
        current = row["version"] == version and row["protocol"] == plan.protocol
        current &= row["digest"] == _digest(images[row["image"]])
        if "row" in entry:
            current &= plan.coded(codec, row["image"], row["setting"]).exists()
            current &= plan.features(codec.name, row["image"], row["setting"]).exists()
        elif row["reason"].startswith(FAILED):
            current = False
        if current:
            found[key_of(row)] = row
    return list(found.values())


def perform(plan: Plan, task: Task, environment: int, decoder: Decoder, entries: list[Entry]) -> None:
    """Do one task and write its entries into the journal."""
    wanted = set(missing(plan, task, entries))
    photo, original = _original(task.photo)
    _save_features(plan.features("original", photo.name), original)
    codecs = {spec: _codec(plan, spec) for spec in task.specs}
    writer = _Writer(plan, next(iter(codecs.values())), photo)
    reader = _Reader(plan, photo, original, decoder)
    common = {"image": photo.name, "protocol": plan.protocol, "digest": digest(photo.pixels)}
    journal = Journal(plan.journal)
    for target in plan.targets:
        for spec, codec in codecs.items():
            if (photo.name, codec.name, target) not in wanted:
                continue
            about = {**common, "codec": codec.name, "version": codec.version(), "target": target,
                     "environment": environment}  # fmt: skip
            try:
                chosen = choose(plan.protocol, writer.rate, len(codec.settings), target)
                if isinstance(chosen, Unreached):
                    journal.add([{"unreached": {**about, "reason": chosen.reason}}])
                else:
                    setting = codec.settings[chosen]
                    journal.add([{"row": {**about, **writer.row(setting), **reader.row(spec, codec, setting)}}])
            except CodecError as exc:
                journal.add([{"unreached": {**about, "reason": f"{FAILED}{exc}"}}])


class _Writer:
    """Encodes one photograph with one encoder, each setting once."""

    def __init__(self, plan: Plan, codec: Codec, photo: Photo) -> None:
        self._plan, self._codec, self._photo = plan, codec, photo
        self._data: dict[int, tuple[bytes, float]] = {}

    def rate(self, index: int) -> float:
        """Bpp at the setting of an index."""
        return self._photo.bpp(len(self._encoded(self._codec.settings[index])[0]))

    def row(self, setting: int) -> Entry:
        """Write the file of a setting; what a row says of it."""
        data, seconds = self._encoded(setting)
        path = self._plan.coded(self._codec, self._photo.name, setting)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(path.name + f".{os.getpid()}.part")
        part.write_bytes(data)
        part.replace(path)
        return {"setting": setting, "encode_seconds": round(seconds, 4)}

    def _encoded(self, setting: int) -> tuple[bytes, float]:
        if setting not in self._data:
            start = time.perf_counter()
            data = self._codec.encode(self._photo, setting)
            self._data[setting] = (data, time.perf_counter() - start)
        return self._data[setting]


class _Reader:
    """Has files of one photograph decoded and measures them, each file once."""

    def __init__(self, plan: Plan, photo: Photo, original: Prepared, decoder: Decoder) -> None:
        self._plan, self._photo, self._original, self._decoder = plan, photo, original, decoder
        self._known: dict[tuple[str, int], Entry] = {}

    def row(self, spec: str, codec: Codec, setting: int) -> Entry:
        """What a row says of the file of a setting once it is read back."""
        if (codec.name, setting) not in self._known:
            self._known[codec.name, setting] = self._measured(spec, codec, setting)
        return self._known[codec.name, setting]

    def _measured(self, spec: str, codec: Codec, setting: int) -> Entry:
        photo = self._photo
        file = self._plan.coded(codec, photo.name, setting)
        expected = Expected(name=photo.name, width=photo.width, height=photo.height)
        read = self._decoder.decode(spec, file, expected)
        decoded = prepare(read.pixels)
        values = measure(self._original, decoded)
        if self._plan.external:
            values |= measure_external(self._original, decoded)
        _save_features(self._plan.features(codec.name, photo.name, setting), decoded)
        row: Entry = {
            "bytes": read.bytes, "bpp": photo.bpp(read.bytes), "width": photo.width, "height": photo.height,
            "decode_seconds": round(read.seconds, 4), "metrics": values,
        }  # fmt: skip
        return row if read.timesteps is None else {**row, "timesteps": read.timesteps}


@lru_cache(maxsize=1)
def _original(path: Path) -> tuple[Photo, Prepared]:
    photo = read_photo(path)
    return photo, prepare(photo.pixels)


@lru_cache(maxsize=4096)
def _digest(path: Path) -> str:
    return digest(read_photo(path).pixels)


@lru_cache(maxsize=256)
def _made(spec: str, plan_options: tuple[str | None, str]) -> Codec:
    from bench.codecs.base import CodecOptions

    return make(spec, CodecOptions(model=plan_options[0], device=plan_options[1]))


def _codec(plan: Plan, spec: str) -> Codec:
    return _made(spec, (plan.options.model, plan.options.device))


def _save_features(path: Path, picture: Prepared) -> None:
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + f".{os.getpid()}.part")
    with part.open("wb") as handle:
        np.save(handle, picture.features.astype(np.float32))
    part.replace(path)


def _label(task: Task) -> str:
    return f"{task.photo.stem} {' '.join(task.specs)}"


def _in_parallel(plan: Plan, tasks: list[Task], number: int, entries: list[Entry], jobs: int) -> Iterator[Task]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_start_job, initargs=(plan, os.getpid())) as pool:
        waiting: dict[Future[None], Task] = {}
        for task in tasks:
            of_task = [e for e in entries if _image_of(e) == task.photo.stem]
            waiting[pool.submit(_job, plan, task, number, of_task)] = task
        try:
            for future in as_completed(waiting):
                future.result()
                yield waiting[future]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_decoder: Decoder | None = None


def _start_job(plan: Plan, parent: int) -> None:
    torch.set_num_threads(plan.threads)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    """A job whose parent was killed would wait for work for ever."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _job(plan: Plan, task: Task, number: int, entries: list[Entry]) -> None:
    global _decoder
    if _decoder is None:
        _decoder = Decoder(plan.options, plan.threads)
    perform(plan, task, number, _decoder, entries)


def _image_of(entry: Entry) -> str | None:
    row = entry.get("row") or entry.get("unreached")
    return None if row is None else row["image"]
