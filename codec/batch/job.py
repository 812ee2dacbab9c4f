"""What a batch run is to do, as plain values that travel to workers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import Any

from codec.errors import InputError
from codec.options import DecodeOptions, EncodeOptions, EngineOptions
from codec.version import VERSION

VERBS = ("encode", "decode")
EXISTING = ("resume", "skip", "overwrite")
FORMS = ("files", "webdataset")


@dataclass(frozen=True, kw_only=True)
class Job:
    """A batch run.

    Attributes:
        verb: "encode" or "decode".
        target: folder or address that results go to.
        encode: options of encoding.
        decode: options of decoding.
        suffix: ending of decoded pictures, which names their format.
        engine: device and model.
        form: "files" = a tree of files like the source's; "webdataset" = one tar a shard.
        existing: "resume" = keep what was made of the same source with the same options; "skip" = keep whatever stands
            there; "overwrite" = make everything anew.
        retry_failed: whether samples that failed before, with the same source and options, are tried again.
        threads: of every worker.
        dry: whether results are thrown away.
    """

    verb: str
    target: str
    encode: EncodeOptions = field(default_factory=EncodeOptions)
    decode: DecodeOptions = field(default_factory=DecodeOptions)
    suffix: str = ".png"
    engine: EngineOptions = field(default_factory=EngineOptions)
    form: str = "files"
    existing: str = "resume"
    retry_failed: bool = False
    threads: int = 1
    dry: bool = False

    def __post_init__(self) -> None:
        for name, known in (("verb", VERBS), ("existing", EXISTING), ("form", FORMS)):
            if getattr(self, name) not in known:
                raise InputError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(known)}")

    @property
    def result_suffix(self) -> str:
        """Ending of the files that are made."""
        return ".tadm" if self.verb == "encode" else self.suffix

    @property
    def options_key(self) -> str:
        """Sixteen hexadecimal digits that change whenever the same source would give another result."""
        options = self.encode.to_dict() if self.verb == "encode" else self.decode.to_dict() | {"suffix": self.suffix}
        engine = {k: v for k, v in self.engine.to_dict().items() if k not in ("device", "max_vram", "compile")}
        said = json.dumps([self.verb, options, engine, VERSION], sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def to_dict(self) -> dict[str, Any]:
        """All fields as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Job:
        """Undo `to_dict`."""
        return cls(
            **values
            | {
                "encode": EncodeOptions.from_dict(values["encode"]),
                "decode": DecodeOptions.from_dict(values["decode"]),
                "engine": EngineOptions.from_dict(values["engine"]),
            }
        )


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One picture of the source.

    Attributes:
        uri: how the manifest calls it.
        path: address that is read; the tar shard's for a picture inside one.
        start: first byte of it; 0 for a whole file.
        end: byte after its last; None = the end of the file.
        name: of the result below the target, with its ending.
    """

    uri: str
    path: str
    name: str
    start: int = 0
    end: int | None = None


@dataclass(frozen=True, kw_only=True)
class Record:
    """What became of one sample: a row of the manifest.

    Attributes:
        uri, name: as in `Sample`.
        sha256: of the source's bytes; "" = it could not be read.
        options_key: see `Job.options_key`.
        bytes: of the result, 0 = there is none.
        bpp: bits per HR pixel of the `.tadm` file.
        width, height: of the photograph.
        scale, quality: of the `.tadm` file; quality 100 = lossless.
        seconds: from the first byte read to the last written.
        finished: when, in seconds since 1970.
        error: why there is no result, "" = there is one.
        source_bytes: of the source.
    """

    uri: str
    name: str
    sha256: str = ""
    options_key: str = ""
    bytes: int = 0
    bpp: float = 0.0
    width: int = 0
    height: int = 0
    scale: int = 0
    quality: int = 0
    seconds: float = 0.0
    finished: float = 0.0
    error: str = ""
    source_bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class Task:
    """A sample, and what is known of it from earlier runs.

    Attributes:
        sample: to be worked on.
        known: its record; None = there is none.
        foreign: whether a file that no run of this job has made stands where its result belongs.
    """

    sample: Sample
    known: Record | None = None
    foreign: bool = False


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Samples that share a manifest.

    Attributes:
        name: of its manifest, and of its tar.
        samples: in order.
    """

    name: str
    samples: tuple[Sample, ...]
