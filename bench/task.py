"""One task of a run: one photograph, one encoder and the codecs that decode what it writes."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from bench.codecs.base import Codec, Expected, fingerprint
from bench.decoding import Decoder, Read
from bench.errors import CodecError
from bench.journal import Entry, Journal, Key
from bench.metrics.external import measure_external, ready
from bench.metrics.panel import Prepared, Values, measure, prepare
from bench.photos import Photo, digest, read_photo
from bench.plan import Plan
from bench.rates import Unreached, choose

FAILED = "failed: "


@dataclass(frozen=True)
class Task:
    """One photograph and the codecs that share one encoder."""

    photo: Path
    specs: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.photo.stem} {' '.join(self.specs)}"


@dataclass(frozen=True)
class Work:
    """What is left to do of a task.

    Attributes:
        task: photograph and codecs.
        wanted: image, codec and target of the entries to make.
        lacking: rows that were made before a measure of others was here.
        limits: under the protocol `first`: bpp of the first codec's file by target, None where it has none.
    """

    task: Task
    wanted: set[Key]
    lacking: list[Entry]
    limits: dict[float, float | None]


def perform(plan: Plan, work: Work, environment: int, decoder: Decoder) -> None:
    """Do what is left of a task and write its entries into the journal.

    Args:
        plan: the run.
        work: what is left.
        environment: number of the environment in the journal that they were made in.
        decoder: the other process.
    """
    task = work.task
    photo, original = _original(task.photo)
    _save_features(plan.features("original", photo.name), original)
    codecs = {spec: plan.codec(spec) for spec in task.specs}
    writer = _Writer(plan, next(iter(codecs.values())), photo)
    reader = _Reader(plan, photo, original, decoder)
    common = {"image": photo.name, "protocol": plan.protocol, "digest": digest(photo.pixels)}
    journal = Journal(plan.journal)
    by_name = {codec.name: (spec, codec) for spec, codec in codecs.items()}
    for row in work.lacking:
        with contextlib.suppress(CodecError):  # the row stays as it is; the next run tries again
            values = row["metrics"] | reader.external(*by_name[row["codec"]], row)
            more = {"metrics": values, "without": _without(values), "external_environment": environment}
            journal.add([{"row": {**row, **more}}])
    for target in plan.targets:
        for spec, codec in codecs.items():
            if (photo.name, codec.name, target) not in work.wanted:
                continue
            about = {
                **common, "codec": codec.name, "version": codec.version(), "target": target, "environment": environment,
            }  # fmt: skip
            if plan.protocol == "first" and plan.specs[0] not in task.specs:
                limit = about["limit"] = work.limits[target]
                if limit is None:
                    journal.add([{"unreached": {**about, "reason": f"{plan.specs[0]} has no file"}}])
                    continue
            else:
                limit = target
            try:
                chosen = choose(plan.protocol, writer.rate, len(codec.settings), limit, codec.parts)
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
        return {"setting": setting, "file": fingerprint(data), "encode_seconds": round(seconds, 4)}

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
        self._completed: dict[tuple[str, int], Values] = {}

    def row(self, spec: str, codec: Codec, setting: int) -> Entry:
        """What a row says of the file of a setting once it is read back."""
        if (codec.name, setting) not in self._known:
            self._known[codec.name, setting] = self._measured(spec, codec, setting)
        return self._known[codec.name, setting]

    def external(self, spec: str, codec: Codec, row: Entry) -> Values:
        """The measures of others that a row lacks; its file is decoded once more."""
        key = codec.name, row["setting"]
        if key not in self._completed:
            read = self._read(spec, codec, row["setting"])
            missing = ready() - row["metrics"].keys()
            self._completed[key] = measure_external(self._photo.pixels, read.pixels, missing)
        return self._completed[key]

    def _read(self, spec: str, codec: Codec, setting: int) -> Read:
        photo = self._photo
        expected = Expected(name=photo.name, width=photo.width, height=photo.height)
        return self._decoder.decode(spec, self._plan.coded(codec, photo.name, setting), expected)

    def _measured(self, spec: str, codec: Codec, setting: int) -> Entry:
        photo, read = self._photo, self._read(spec, codec, setting)
        decoded = prepare(read.pixels)
        values = measure(self._original, decoded)
        if self._plan.external:
            values |= measure_external(photo.pixels, read.pixels)
        _save_features(self._plan.features(codec.name, photo.name, setting), decoded)
        row: Entry = {
            "bytes": read.bytes, "bpp": photo.bpp(read.bytes), "width": photo.width, "height": photo.height,
            "decode_seconds": round(read.seconds, 4), "metrics": values,
        }  # fmt: skip
        if self._plan.external:
            row["without"] = _without(values)
        if read.timesteps is not None:
            row["mean_timestep"] = round(float(np.mean(read.timesteps)), 2)
        return row


def _without(values: Values) -> list[str]:
    """Measures of others that this picture has no place for: a picture without a face has no face distance."""
    return sorted(ready() - values.keys())


@lru_cache(maxsize=1)
def _original(path: Path) -> tuple[Photo, Prepared]:
    photo = read_photo(path)
    return photo, prepare(photo.pixels)


def _save_features(path: Path, picture: Prepared) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + f".{os.getpid()}.part")
    with part.open("wb") as handle:
        np.save(handle, picture.features.astype(np.float32))
    part.replace(path)
