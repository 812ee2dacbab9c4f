"""One sample after another: read, hash, encode or decode, write. Nothing that a sample does ends a worker."""

from __future__ import annotations

import hashlib
import io
import os
import time
import warnings
from dataclasses import dataclass, replace

from codec.batch.job import Job, Record, Sample, Task
from codec.batch.places import Place
from codec.batch.targets import local_path, target_of
from codec.engine import Engine
from codec.errors import InputError


@dataclass(frozen=True)
class _Made:
    """What became of a source: bytes of a result that is not yet written, or the size of one that is."""

    data: bytes | None
    size: int
    bpp: float
    width: int
    height: int
    scale: int
    quality: int


def limit_threads(count: int) -> None:
    """Let the networks of this process use so many threads; only before they are loaded."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(count)
    os.environ["OMP_WAIT_POLICY"] = "passive"  # workers beside one another must not wait by spinning


class ForeignFileError(InputError):
    """Where a result belongs stands a file that is not ours to replace."""


class Worker:
    """Keeps the models of a job loaded."""

    def __init__(self, job: Job) -> None:
        """Make it ready; models are loaded with the first sample.

        Raises:
            InputError, UnsupportedError: the target cannot be used here.
        """
        self._job, self._key = job, job.options_key
        self._target = target_of(job)
        self._engine = Engine(**job.engine.to_dict())

    def __call__(self, shard: str, task: Task) -> Record:
        """Work on a sample; whatever goes wrong with it is in its record."""
        start, sample = time.monotonic(), task.sample
        try:
            record = self._record(shard, task)
        except Exception as exc:  # one picture never ends a run of a million
            word = " ".join(str(exc).split()) or "no more is known"
            record = Record(
                uri=sample.uri, name=sample.name, options_key=self._key, error=f"{type(exc).__name__}: {word}"
            )
        if record is task.known:
            return record
        return replace(record, seconds=round(time.monotonic() - start, 4), finished=time.time())

    def _record(self, shard: str, task: Task) -> Record:
        sample, known, job = task.sample, task.known, self._job
        there = None if job.dry else self._target.size(shard, sample.name)
        if job.existing == "skip" and there is not None:
            return known if known is not None and not known.error else Record(
                uri=sample.uri, name=sample.name, options_key=self._key, bytes=there
            )  # fmt: skip
        if task.foreign and job.existing != "overwrite" and not job.dry:
            raise ForeignFileError(f"{sample.name} is there and not of this job; --existing overwrite replaces it")
        source = Place(sample.path).read(sample.start, sample.end)
        digest = hashlib.sha256(source).hexdigest()
        if known is not None and job.existing == "resume" and (known.sha256, known.options_key) == (digest, self._key):
            if known.error and not job.retry_failed:
                return known
            if not known.error and there == known.bytes:
                return known
        said = Record(uri=sample.uri, name=sample.name, sha256=digest, options_key=self._key, source_bytes=len(source))
        try:
            made = self._encoded(source) if job.verb == "encode" else self._decoded(source, shard, sample)
            if made.data is not None and not job.dry:
                self._target.place(shard, sample.name).write(made.data)
        except Exception as exc:
            return replace(said, error=f"{type(exc).__name__}: {' '.join(str(exc).split())}")
        return replace(
            said, bytes=made.size, bpp=made.bpp, width=made.width, height=made.height, scale=made.scale,
            quality=made.quality,
        )  # fmt: skip

    def _encoded(self, source: bytes) -> _Made:
        from codec.encoding.encoder import encode

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, about pictures that are read all the same
            made = encode(source, self._job.encode, self._engine)
        size, options = made.size, made.options
        bpp = 8 * len(made.data) / size.pixels
        quality = 100 if options.quality is None else options.quality
        return _Made(made.data, len(made.data), bpp, size.width, size.height, options.scale or 0, quality)

    def _decoded(self, source: bytes, shard: str, sample: Sample) -> _Made:
        from codec.decoding.image import TadmImage
        from codec.image.output import format_of

        place = self._target.place(shard, sample.name)
        path, data = local_path(place), None
        with TadmImage(source, engine=self._engine) as image:
            info = image.info
            if path is None or self._job.dry:
                buffer = io.BytesIO()
                image.save(buffer, format=format_of(self._job.suffix), options=self._job.decode)
                data = buffer.getvalue()
                size = len(data)
            else:
                place.prepare()  # and row by row into the file, where the picture is large
                image.save(path, options=self._job.decode, overwrite=True)
                size = path.stat().st_size
        return _Made(data, size, info.bpp, info.width, info.height, info.scale, info.quality)
