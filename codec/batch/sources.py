"""Where pictures come from: files, folders, globs, tar shards, parquet lists of addresses."""

from __future__ import annotations

import re
import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from codec.batch.job import Job, Sample, Shard
from codec.batch.places import Place
from codec.batch.store import HIDDEN
from codec.errors import InputError
from codec.optional import need

_GLOB = re.compile(r"[*?\[]")
#: Columns of a parquet list that addresses are looked for in.
COLUMNS = ("uri", "url", "path")


@dataclass(frozen=True)
class Found:
    """A file of the source.

    Attributes:
        place: of it.
        name: relative to the source.
    """

    place: Place
    name: str


def shards(source: str, job: Job, *, size: int, column: str | None = None) -> list[Shard]:
    """The pictures of a source, in an order that depends on nothing but their names.

    Args:
        source: file, folder, glob, tar shard (or folder or glob of these), or parquet file with addresses.
        job: that they are for: pictures to encode, or `.tadm` files to decode.
        size: samples of a shard; a tar shard stays one.
        column: of the addresses in a parquet file; None = "uri", "url" or "path".

    Raises:
        InputError: there is nothing there, or a file cannot be read as what its name says.
        UnsupportedError: a package is not installed.
    """
    wanted = _pictures() if job.verb == "encode" else {".tadm"}
    found = list(_listed(source))
    if not found:
        raise InputError(f"{source}: nothing there")
    loose: list[Sample] = []
    made: list[Shard] = []
    hidden = Place(job.target).path.rstrip("/") + "/" if job.target else "\0"
    for file in found:
        suffix = PurePosixPath(file.name).suffix.lower()
        if f"/{HIDDEN}/" in file.place.path or file.place.path.startswith(hidden):
            continue  # results of this very job
        if suffix == ".tar":
            inside = list(_members(file, wanted))
            made.append(Shard(name=_safe(file.name.removesuffix(".tar")), samples=_named(inside, job)))
        elif suffix == ".parquet":
            loose += _addresses(file, column)
        elif suffix in wanted:
            address = file.place.address(file.place.path)
            loose.append(Sample(uri=address, path=address, name=file.name))
    named = _named(loose, job)
    taken = {shard.name for shard in made}
    for number, at in enumerate(range(0, len(named), size)):
        name = f"{number:05d}"
        made.append(Shard(name=name if name not in taken else f"files-{name}", samples=named[at : at + size]))
    if not any(shard.samples for shard in made):
        kind = "pictures" if job.verb == "encode" else ".tadm files"
        raise InputError(f"{source}: no {kind} there")
    return [shard for shard in made if shard.samples]


def _pictures() -> set[str]:
    """Endings of pictures that Pillow reads."""
    from PIL import Image

    return {suffix for suffix, kind in Image.registered_extensions().items() if kind in Image.OPEN} - {".tadm", ".pdf"}


def _listed(source: str) -> Iterator[Found]:
    """Files of a source, in order."""
    fixed = source
    if _GLOB.search(source):
        head = _GLOB.split(source)[0]
        fixed = head.rpartition("/")[0] + "/" if "/" in head else "."
        place, pattern = Place(fixed), Place(source)
        paths = sorted(p for p in pattern.fs.glob(pattern.path) if pattern.fs.isfile(p))
    else:
        place = Place(source)
        if place.size() is not None:
            yield Found(place, PurePosixPath(place.path).name)
            return
        paths = place.files()
    base = place.path.rstrip("/") + "/"
    for path in paths:
        yield Found(place / path.removeprefix(base), path.removeprefix(base))


def _members(file: Found, wanted: set[str]) -> Iterator[Sample]:
    """Pictures inside an uncompressed tar, as ranges of its bytes.

    Raises:
        InputError: not such a tar.
    """
    address = file.place.address(file.place.path)
    try:
        with file.place.fs.open(file.place.path, "rb") as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            members = [m for m in tar if m.isfile() and not m.issparse()]
    except (tarfile.TarError, EOFError) as exc:
        raise InputError(f"{address}: not an uncompressed tar ({exc})") from exc
    for member in members:
        if PurePosixPath(member.name).suffix.lower() in wanted:
            start = member.offset_data
            yield Sample(
                uri=f"{address}#{member.name}", path=address, start=start, end=start + member.size, name=member.name
            )


def _addresses(file: Found, column: str | None) -> list[Sample]:
    """The addresses of a parquet list; relative ones are relative to the list.

    Raises:
        InputError: not a parquet file, or without such a column.
    """
    parquet = need("pyarrow.parquet", "batch", "parquet lists")
    arrow = need("pyarrow", "batch", "parquet lists")
    address = file.place.address(file.place.path)
    try:
        with file.place.fs.open(file.place.path, "rb") as stream:
            table = parquet.ParquetFile(stream)
            names = table.schema_arrow.names
            chosen = column or next((name for name in COLUMNS if name in names), None)
            if chosen not in names:
                raise InputError(f"{address}: no column {column or ', '.join(COLUMNS)}; there are {', '.join(names)}")
            values = table.read(columns=[chosen])[chosen].to_pylist()
    except arrow.ArrowException as exc:
        raise InputError(f"{address}: not a parquet file ({exc})") from exc
    folder = address.rpartition("/")[0]
    samples = []
    for value in values:
        uri = str(value)
        split = urlsplit(uri)
        whole = uri if split.scheme or uri.startswith("/") or not folder else f"{folder}/{uri}"
        name = f"{split.netloc}/{split.path}" if split.scheme else uri
        samples.append(Sample(uri=uri, path=whole, name=name))
    return samples


def _safe(name: str) -> str:
    """A relative path that stays below its folder."""
    parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return "/".join(parts) or "_"


def _named(samples: Iterable[Sample], job: Job) -> tuple[Sample, ...]:
    """Samples under the names of their results: their own with another ending, behind it where two would meet."""
    listed = [replace(sample, name=_safe(sample.name)) for sample in samples]
    stems = Counter(_stem(sample.name) for sample in listed)
    made, taken = [], Counter[str]()
    for sample in listed:
        stem = _stem(sample.name) if stems[_stem(sample.name)] == 1 else sample.name
        taken[stem] += 1
        again = f"~{taken[stem]}" if taken[stem] > 1 else ""  # the very same address twice
        made.append(replace(sample, name=f"{stem}{again}{job.result_suffix}"))
    return tuple(made)


def _stem(name: str) -> str:
    return name[: len(name) - len(PurePosixPath(name).suffix)]
