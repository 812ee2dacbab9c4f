"""Where results go: a tree of files, or one tar a shard (webdataset)."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from codec.batch.job import Job, Record, Shard
from codec.batch.places import Place
from codec.batch.store import HIDDEN
from codec.errors import InputError


class Target(Protocol):
    """A place for results by name."""

    def place(self, shard: str, name: str) -> Place:
        """Where the result of a sample is written to while its shard is worked on."""

    def size(self, shard: str, name: str) -> int | None:
        """Bytes of a result that is there; None = there is none."""

    def begin(self, shard: Shard, *, ours: bool) -> None:
        """A shard is about to be worked on; `ours` says whether a run of this job has been at it before."""

    def standing(self) -> set[str]:
        """Names of results, and of files in their places, that are there now."""

    def finish(self, shard: Shard, records: Sequence[Record]) -> None:
        """A shard's results are all there."""


def target_of(job: Job) -> Target:
    """The target of a job.

    Raises:
        InputError, UnsupportedError: its address cannot be used here.
    """
    root = Place(job.target)
    return Tree(root) if job.form == "files" else Tars(root)


class Tree:
    """Files below a folder, named like their sources."""

    def __init__(self, root: Place) -> None:
        self._root = root

    def place(self, shard: str, name: str) -> Place:
        """See `Target`."""
        return self._root / name

    def size(self, shard: str, name: str) -> int | None:
        """See `Target`."""
        return self.place(shard, name).size()

    def begin(self, shard: Shard, *, ours: bool) -> None:
        """See `Target`: foreign files are found one by one."""

    def standing(self) -> set[str]:
        """See `Target`."""
        base = self._root.path.rstrip("/") + "/"
        names = (path.removeprefix(base) for path in self._root.files())
        return {name for name in names if not name.startswith(f"{HIDDEN}/")}

    def finish(self, shard: Shard, records: Sequence[Record]) -> None:
        """See `Target`: they are where they belong."""


class Tars:
    """One tar a shard: results gather in a folder beside the journal, and are packed once all are there."""

    def __init__(self, root: Place) -> None:
        self._root = root
        self._inside: dict[str, dict[str, tuple[int, int]]] = {}

    def place(self, shard: str, name: str) -> Place:
        """See `Target`."""
        return self._root / HIDDEN / "staging" / shard / name

    def size(self, shard: str, name: str) -> int | None:
        """See `Target`: staged, or in the tar that an earlier run packed."""
        staged = self.place(shard, name).size()
        if staged is not None:
            return staged
        span = self._packed(shard).get(_key(name))
        return None if span is None else span[1] - span[0]

    def standing(self) -> set[str]:
        """See `Target`: shards are looked at one by one, when they are begun."""
        return set()

    def begin(self, shard: Shard, *, ours: bool) -> None:
        """See `Target`.

        Raises:
            InputError: a tar that is not of this job stands there.
        """
        place = self._root / f"{shard.name}.tar"
        if place.size() is not None and not ours:
            raise InputError(f"{place.path} is there and not of this job; remove it, or choose another target")

    def finish(self, shard: Shard, records: Sequence[Record]) -> None:
        """See `Target`: a result and a JSON file of what the manifest says of it, for every sample that has one."""
        staging = self._root / HIDDEN / "staging" / shard.name
        done = [record for record in records if not record.error]
        packed = {name for name in self._packed(shard.name) if not name.endswith(".json")}
        if not staging.files() and packed == {_key(record.name) for record in done}:
            return  # nothing new
        (self._root / f"{shard.name}.tar").write_with(lambda stream: self._pack(stream, shard.name, done))
        staging.remove()
        self._inside.pop(shard.name, None)

    def _pack(self, stream: IO[bytes], shard: str, done: Sequence[Record]) -> None:
        """Write the tar: what is staged, and of the tar that is there what is not."""
        with tarfile.open(fileobj=stream, mode="w") as tar:
            for record in done:
                staged, key = self.place(shard, record.name), _key(record.name)
                kept = None if staged.size() is not None else self._packed(shard)[key]
                data = staged.read() if kept is None else (self._root / f"{shard}.tar").read(*kept)
                about = json.dumps(asdict(record)).encode()
                for name, body in ((key, data), (f"{key.rpartition('.')[0]}.json", about)):
                    member = tarfile.TarInfo(name)
                    member.size = len(body)
                    tar.addfile(member, io.BytesIO(body))

    def _packed(self, shard: str) -> dict[str, tuple[int, int]]:
        """Members of a shard's tar, and the bytes of it that they are."""
        if shard not in self._inside:
            place, found = self._root / f"{shard}.tar", {}
            if place.size() is not None:
                with place.fs.open(place.path, "rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
                    found = {m.name: (m.offset_data, m.offset_data + m.size) for m in tar if m.isfile()}
            self._inside[shard] = found
        return self._inside[shard]


def _key(name: str) -> str:
    """A member's name: readers of such tars take what stands before its first dot for the sample."""
    path = PurePosixPath(name)
    return str(path.with_name(path.stem.replace(".", "_") + path.suffix))


def local_path(place: Place) -> Path | None:
    """The path of a place on this machine, None elsewhere."""
    return Path(place.path) if place.local else None
