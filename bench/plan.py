"""What a run is to measure, and where its files go."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from bench.codecs.base import Codec, CodecOptions
from bench.codecs.registry import make
from bench.rates import Protocol

NOTE = "plan.json"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One run.

    Attributes:
        out: run folder.
        photos: pictures to measure on.
        specs: codecs by the names that `bench.codecs.registry` knows.
        protocol: how a setting is matched to a target.
        targets: bpp.
        options: model and device of ours.
        threads: of one process.
        external: whether measures of others are taken where they are ready.
    """

    out: Path
    photos: tuple[Path, ...]
    specs: tuple[str, ...]
    protocol: Protocol
    targets: tuple[float, ...]
    options: CodecOptions = field(default_factory=CodecOptions)
    threads: int = 1
    external: bool = True

    @property
    def journal(self) -> Path:
        """Where finished rows are written at once."""
        return self.out / "journal.jsonl"

    def save(self) -> None:
        """Note in the run folder what the journal does not say, so that a report can decode its files again.

        This note names folders of this machine; it stays where it is and is no part of the results.
        """
        model = self.options.model
        note = {
            "photos": [str(path.absolute()) for path in self.photos],
            "specs": [_with_whole_path(spec) for spec in self.specs],
            "model": None if model is None else str(Path(model).absolute()),
        }
        self.out.mkdir(parents=True, exist_ok=True)
        part = self.out / f"{NOTE}.part"
        part.write_text(json.dumps(note, indent=1) + "\n")
        part.replace(self.out / NOTE)

    @property
    def scratch(self) -> Path:
        """Where decoding processes put pixels; emptied by every run."""
        return self.out / "scratch"

    def codec(self, spec: str) -> Codec:
        """The codec of a spec, made once."""
        return _made(spec, self.options)

    def coded(self, codec: Codec, image: str, setting: int) -> Path:
        """Where the coded file of an image at a setting lies."""
        return self.out / "files" / slug(codec.encode_key) / f"{image}.{setting}{codec.suffix}"

    def features(self, name: str, image: str, setting: int | None = None) -> Path:
        """Where the patch features of a decoded image lie; of the original, with name "original"."""
        tail = "" if setting is None else f".{setting}"
        return self.out / "features" / slug(name) / f"{image}{tail}.npy"


def slug(name: str) -> str:
    """A codec's name as part of a path: "tadm/4:r0" -> "tadm-4-r0"."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")


def _with_whole_path(spec: str) -> str:
    name, separator, path = spec.partition("=")
    return f"{name}={Path(path).absolute()}" if separator else spec


@lru_cache(maxsize=256)
def _made(spec: str, options: CodecOptions) -> Codec:
    return make(spec, options)
