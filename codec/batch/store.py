"""What a batch run remembers, in the folder `_tadmc` of its target: a journal while a shard is worked on, then its
manifest (parquet) and statistics (JSON). A run that is killed at any moment finds in them what is done.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO, Any

from codec.batch.job import Job, Record, Sample, Shard
from codec.batch.places import Place
from codec.errors import InputError
from codec.optional import need
from codec.version import VERSION

HIDDEN = "_tadmc"
#: How the error of a sample begins at whose place stands a file of somebody else's.
FOREIGN = "ForeignFileError"
#: Seconds between two writes to the disk itself, and records between two objects where files cannot grow.
_SYNC_SECONDS, _PART_RECORDS = 2.0, 50
_FIELDS = {f.name for f in fields(Record)}


@dataclass(frozen=True)
class Past:
    """What earlier runs did.

    Attributes:
        known: their records, by result name.
        begun: names of results that one had begun.
    """

    known: dict[str, Record]
    begun: set[str]

    def owns(self, name: str) -> bool:
        """Whether a file of this name at the target is of such a run."""
        known = self.known.get(name)
        return name in self.begun or (known is not None and not known.error.startswith(FOREIGN))


class Store:
    """The folder `_tadmc` of a target."""

    def __init__(self, target: Place) -> None:
        self._folder = target / HIDDEN

    def load(self) -> Past:
        """What earlier runs did.

        Raises:
            InputError: a manifest is none that this version wrote.
        """
        known: dict[str, Record] = {}
        begun: set[str] = set()
        journals = []
        for path in self._folder.files():
            if path.endswith(".parquet"):
                known |= {record.name: record for record in self._manifest(path)}
            elif path.endswith(".jsonl"):
                journals.append(path)
        for path in journals:  # later than any manifest
            for line in self._below(path).read().splitlines():
                try:
                    said = json.loads(line)
                except ValueError:
                    continue  # cut by the end of the run that wrote it
                if "begun" in said:
                    begun.update(said["begun"])
                else:
                    record = Record(**said)
                    known[record.name] = record
        return Past(known, begun)

    def journal(self, shard: Shard) -> Journal:
        """The journal of a shard, to be written on."""
        return Journal(self._folder, shard.name)

    def finish(self, shard: Shard, records: Sequence[Record], job: Job, seconds: float) -> None:
        """Write a shard's manifest and statistics; its journal is not needed any more."""
        (self._folder / f"{shard.name}.parquet").write(_parquet(records))
        stats = statistics(records, job, seconds)
        (self._folder / f"{shard.name}_stats.json").write(json.dumps(stats, indent=1).encode())
        for path in self._folder.files():
            if path.endswith(".jsonl") and self._name(path).removesuffix(".jsonl").rpartition(".")[0] == shard.name:
                self._below(path).remove()

    def drop(self, names: Iterable[str]) -> None:
        """Remove manifests of shards that are no more."""
        for name in names:
            for suffix in (".parquet", "_stats.json"):
                (self._folder / f"{name}{suffix}").remove()

    def shards(self) -> set[str]:
        """Names of shards that have a manifest."""
        return {self._name(path).removesuffix(".parquet") for path in self._folder.files() if path.endswith(".parquet")}

    def _name(self, path: str) -> str:
        return path.removeprefix(self._folder.path.rstrip("/") + "/")

    def _below(self, path: str) -> Place:
        return self._folder / self._name(path)

    def _manifest(self, path: str) -> list[Record]:
        parquet = need("pyarrow.parquet", "batch", "manifests")
        arrow = need("pyarrow", "batch", "manifests")
        try:
            rows = parquet.read_table(io.BytesIO(self._below(path).read())).to_pylist()
            return [Record(**{k: v for k, v in row.items() if k in _FIELDS}) for row in rows]
        except (arrow.ArrowException, TypeError) as exc:
            raise InputError(f"{path}: not a manifest of this program ({exc})") from exc


class Journal:
    """Lines that outlive the process: what is begun, and what became of it. Files grow; objects come in parts."""

    def __init__(self, folder: Place, name: str) -> None:
        self._folder, self._name = folder, name
        self._stream: IO[bytes] | None = None
        self._synced = time.monotonic()
        self._lines: list[str] = []
        self._part = f"{os.getpid():x}{time.time_ns():x}"
        self._count = 0
        if folder.local:
            place = folder / f"{name}.0.jsonl"
            place.prepare()
            self._stream = Path(place.path).open("ab")  # noqa: SIM115 - closed by `close`
            self._write("")  # a line that the last run could not finish ends here

    def begin(self, samples: Iterable[Sample]) -> None:
        """Results may stand there from now on."""
        names = [sample.name for sample in samples]
        if names:
            self._write(json.dumps({"begun": names}))

    def add(self, record: Record) -> None:
        """A sample is done."""
        self._write(json.dumps(asdict(record)))

    def close(self) -> None:
        """Write what is not yet written."""
        if self._stream is not None:
            self._stream.close()
        self._flush()

    def _write(self, line: str) -> None:
        if self._stream is None:
            self._lines.append(line)
            if len(self._lines) >= _PART_RECORDS:
                self._flush()
            return
        self._stream.write(line.encode() + b"\n")
        self._stream.flush()
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            os.fsync(self._stream.fileno())
            self._synced = time.monotonic()

    def _flush(self) -> None:
        if self._lines:
            place = self._folder / f"{self._name}.{self._part}-{self._count}.jsonl"
            place.write("\n".join(self._lines).encode())
            self._lines.clear()
            self._count += 1


def statistics(records: Sequence[Record], job: Job, seconds: float) -> dict[str, Any]:
    """Counts and sums of a shard.

    Args:
        records: of its samples.
        job: that made them.
        seconds: that it took in this run.
    """
    done = [record for record in records if not record.error]
    pixels = sum(record.width * record.height for record in done)
    return {
        "version": VERSION,
        "verb": job.verb,
        "options_key": job.options_key,
        "options": (job.encode if job.verb == "encode" else job.decode).to_dict(),
        "count": len(records),
        "successes": len(done),
        "failures": len(records) - len(done),
        "source_bytes": sum(record.source_bytes for record in done),
        "bytes": sum(record.bytes for record in done),
        "pixels": pixels,
        "bpp": sum(record.bpp * record.width * record.height for record in done) / pixels if pixels else 0.0,
        "seconds": round(seconds, 3),
        "errors": dict(Counter(record.error.partition(":")[0] for record in records if record.error)),
    }


def _parquet(records: Sequence[Record]) -> bytes:
    arrow = need("pyarrow", "batch", "manifests")
    parquet = need("pyarrow.parquet", "batch", "manifests")
    kinds = {"str": arrow.string(), "int": arrow.int64(), "float": arrow.float64()}
    schema = arrow.schema([(f.name, kinds[str(f.type)]) for f in fields(Record)])
    sink = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist([asdict(record) for record in records], schema=schema), sink)
    return sink.getvalue()
