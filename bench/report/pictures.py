"""Pictures of a run: originals, decoded files, LR thumbnails and timestep maps, made again from the coded files."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from PIL import Image

import codec
from bench import records
from bench.codecs.base import CodecOptions, Expected
from bench.codecs.registry import available
from bench.codecs.tadm import Variant
from bench.decoding import Decoder, Read
from bench.environment import threads_for
from bench.errors import BenchError, RecordError
from bench.photos import Photo, PixelArray, digest, read_photo
from bench.plan import NOTE, Plan
from bench.rates import RAW_BPP


class Gallery:
    """Pictures of one run folder, decoded by another process as in the run itself."""

    def __init__(self, run: Path, device: str = "auto") -> None:
        self.record = records.read(run)
        try:
            note = json.loads((run / NOTE).read_text())
        except (OSError, ValueError) as exc:
            raise RecordError(f"{run / NOTE}: not readable ({exc}); pictures need the whole run folder") from exc
        self._options = CodecOptions(model=note["model"], device=device)
        found, self.skipped = available(note["specs"], self._options)
        self._specs = {c.name: spec for spec, c in found.items()}
        self._paths = {path.stem: path for path in map(Path, note["photos"])}
        self._plan = Plan(
            out=run, photos=tuple(self._paths.values()), specs=tuple(found), protocol="finest", targets=(RAW_BPP,),
            options=self._options, threads=threads_for(1),
        )  # fmt: skip
        self._decoder = Decoder(self._options, self._plan.threads, run / "scratch" / "gallery")

    def __enter__(self) -> Gallery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._decoder.close()

    @cached_property
    def images(self) -> list[str]:
        """Names of the run's photographs."""
        return [image["name"] for image in self.record["photos"]["images"]]

    def title(self, name: str) -> str:
        """A codec's title."""
        return str(self.record["codecs"][name]["title"])

    def original(self, image: str) -> PixelArray:
        """HR, uint8 [H, W, 3].

        Raises:
            BenchError: it is not the photograph that was measured.
        """
        return self._photo(image).pixels

    def rows(self, image: str, target: float, codecs: tuple[str, ...] = ()) -> list[dict[str, Any]]:
        """Rows of a photograph at a target whose files are here, in the order of the run's codecs.

        Raises:
            BenchError: the run has no such target or codec.
        """
        targets = self.record["protocol"]["targets"]
        if target not in targets:
            raise BenchError(f"this run has no rate {target:g}, but {', '.join(f'{t:g}' for t in targets)}")
        if unknown := sorted(set(codecs) - self.record["codecs"].keys()):
            raise BenchError(f"this run has no {', '.join(unknown)}, but {', '.join(self.record['codecs'])}")
        found = {
            row["codec"]: row
            for row in self.record["rows"]
            if row["image"] == image and row["target"] == target and _measured(row) in self._specs
        }
        return [found[name] for name in self.record["codecs"] if name in found and (not codecs or name in codecs)]

    def decoded(self, row: dict[str, Any]) -> PixelArray:
        """Pixels of a row's file, uint8 [H, W, 3]."""
        return self._read(row, self._specs[_measured(row)]).pixels

    def dialled(self, row: dict[str, Any], realism: float) -> Read:
        """A row's file of ours decoded at another realism."""
        variant = Variant.parse(row["codec"])
        assert variant is not None
        return self._read(row, str(dataclasses.replace(variant, realism=realism, timestep=None)))

    def thumbnail(self, row: dict[str, Any]) -> Image.Image:
        """The LR picture inside a row's file of ours."""
        return codec.thumbnail(self._file(row))

    def _read(self, row: dict[str, Any], spec: str) -> Read:
        photo = self._photo(row["image"])
        expected = Expected(name=photo.name, width=photo.width, height=photo.height)
        return self._decoder.decode(spec, self._file(row), expected)

    def _file(self, row: dict[str, Any]) -> Path:
        return self._plan.coded(self._plan.codec(self._specs[_measured(row)]), row["image"], row["setting"])

    def _photo(self, image: str) -> Photo:
        if image not in self._paths or image not in self.images:
            raise BenchError(f"{image}: no photograph of this run; there are {', '.join(self.images)}")
        photo = read_photo(self._paths[image])
        known = next(i["digest"] for i in self.record["photos"]["images"] if i["name"] == image)
        if digest(photo.pixels) != known:
            raise BenchError(f"{image}: the photograph changed since it was measured")
        return photo


def _measured(row: dict[str, Any]) -> str:
    """The codec that a row is of: under the name of a codec's best form, the form."""
    return str(row.get("form", row["codec"]))


class Store:
    """Pictures as data URIs, each kept once under a short key."""

    def __init__(self, *, lossless: bool) -> None:
        self.uris: dict[str, str] = {}
        self._lossless = lossless
        self._keys: dict[str, str] = {}

    def add(self, pixels: PixelArray) -> str:
        """Keep a picture, uint8 [H, W, 3]; its key.

        Unless lossless, it is coded as AVIF 4:4:4 at quality 85 for the viewer; no figure is measured on that.
        """
        mark = digest(pixels)
        if mark not in self._keys:
            buffer = io.BytesIO()
            image = Image.fromarray(np.ascontiguousarray(pixels))
            if self._lossless:
                image.save(buffer, "PNG", optimize=True)
            else:
                image.save(buffer, "AVIF", quality=85, subsampling="4:4:4", speed=8, max_threads=1, autotiling=False)
            kind = "png" if self._lossless else "avif"
            self._keys[mark] = f"p{len(self._keys)}"
            self.uris[self._keys[mark]] = f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"
        return self._keys[mark]

    def add_small(self, image: Image.Image) -> str:
        """Keep a small picture as PNG, for it will be enlarged; its key."""
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "PNG", optimize=True)
        key = f"s{len(self.uris)}"
        self.uris[key] = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
        return key
