"""Pictures and metadata that somebody broke: one kind of error, and the photograph is delivered all the same."""

from __future__ import annotations

import io
import os
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import codec
from codec.container.file import Metadata, TadmFile
from codec.container.reader import read
from codec.container.writer import write
from tests.conftest import SHARED

HOSTILE = SHARED / "review" / "hostile"
needs_shared = pytest.mark.skipif(not HOSTILE.is_dir(), reason="no shared folder with hostile files here")
#: Pillow's formats with the mode that each is tried in.
FORMATS = dict.fromkeys(
    ("PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM", "TGA", "PCX", "ICO", "JPEG2000", "SGI", "DDS", "MPO", "IM",
     "ICNS", "QOI", "DIB"), "RGB",
) | {"BLP": "P", "PALM": "P", "SPIDER": "F", "MSP": "1", "XBM": "1"}  # fmt: skip


def load_quietly(data: bytes) -> str:
    """What encoding a picture file comes to: "ok", or the name of the error, which has to be one of ours."""
    from codec.image.picture import load

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            load(data)
        except codec.TadmError as exc:
            return type(exc).__name__ if "\n" not in str(exc) else "a message of several lines"
    return "ok"


#: What some of these break is the way to a picture of tens of megapixels.
LARGE = ("in-slow", "in-big")


@needs_shared
@pytest.mark.parametrize("large", [False, pytest.param(True, marks=pytest.mark.long)])
def test_pictures_that_once_ended_in_a_traceback(large: bool) -> None:
    files = [p for p in sorted((HOSTILE / "pictures").iterdir()) if p.name.startswith(LARGE) == large]
    assert files
    for path in files:
        assert load_quietly(path.read_bytes()) in {"ok", "InputError", "LimitError"}, path.name


def seeds() -> list[bytes]:
    """A small picture in every format that this Pillow writes."""
    rng = np.random.default_rng(0)
    pixels = np.asarray(Image.fromarray(rng.integers(0, 256, (5, 7, 3), dtype=np.uint8)).resize((40, 30)))
    found = []
    for kind, mode in FORMATS.items():
        buffer = io.BytesIO()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # some formats are on their way out
                Image.fromarray(pixels).convert(mode).save(buffer, kind)
        except (KeyError, OSError, ValueError):
            continue
        found.append(buffer.getvalue())
    if features.check("avif"):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "AVIF", speed=10)
        found.append(buffer.getvalue())
    return found


def fuzz(count: int) -> None:
    rng, files = random.Random(7), seeds()
    assert len(files) > 15
    for _ in range(count):
        data = bytearray(rng.choice(files))
        for _ in range(rng.choice((1, 1, 2, 3, 8))):
            at = rng.randrange(min(len(data), rng.choice((32, 200, 10**6))))
            data[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        if rng.random() < 0.2:
            del data[rng.randrange(1, len(data)) :]
        assert load_quietly(bytes(data)) in {"ok", "InputError", "LimitError"}


def test_a_hundred_mutated_pictures() -> None:
    fuzz(100)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_ten_thousand_mutated_pictures() -> None:
    fuzz(10_000)


def with_exif(exif: bytes, tiny_package: Path) -> bytes:
    file = read(codec.encode(np.zeros((8, 8, 3), np.uint8), model=str(tiny_package)))
    return write(TadmFile(header=file.header, slab=file.slab, payloads=file.payloads, metadata=Metadata(exif=exif)))


#: Blocks on which Pillow raises struct.error, AttributeError, TypeError, OverflowError and SyntaxError, or gives up
#: only when it writes them.
BROKEN_EXIF = {
    "short": b"II*\0",
    "not TIFF": b"hello world, this is no block",
    "directory as float": b"II*\0\x08\0\0\0\x01\0\x69\x87\x0b\0\x01\0\0\0\0\0\x80\x3f\0\0\0\0",
    "maker as float": b"II*\0\x08\0\0\0\x01\0\x0f\x01\x0b\0\x01\0\0\0\0\0\x80\x7f\0\0\0\0",
    "resolution as text": b"II*\0\x08\0\0\0\x01\0\x1a\x01\x02\0\x04\0\0\0abc\0\0\0\0\0",
}


@pytest.mark.parametrize("name", BROKEN_EXIF)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif", ".tif"])
def test_a_photograph_is_never_lost_for_its_exif(name: str, suffix: str, tiny_package: Path, tmp_path: Path) -> None:
    data = with_exif(BROKEN_EXIF[name], tiny_package)
    with codec.open(data, model=str(tiny_package)) as image:
        image.save(tmp_path / f"a{suffix}")
    with Image.open(tmp_path / f"a{suffix}") as written:
        assert written.size == (8, 8)


def test_what_cannot_be_read_is_said_once(tiny_package: Path, tmp_path: Path) -> None:
    data = with_exif(BROKEN_EXIF["not TIFF"], tiny_package)
    with pytest.warns(UserWarning, match="EXIF left out: not readable as EXIF") as said:
        assert "exif" not in codec.decode(data, model=str(tiny_package)).info
    assert len(said) == 1
    with codec.open(data, model=str(tiny_package)) as image:
        notes = image.save(tmp_path / "a.png").notes
    assert len(notes) == 1
    assert notes[0].startswith("EXIF left out: not readable")


@needs_shared
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif", ".tif"])
def test_files_that_once_ended_in_a_traceback(suffix: str, tmp_path: Path) -> None:
    for path in sorted(HOSTILE.glob("*.tadm")):
        with codec.open(path, any_model=True) as image:
            image.save(tmp_path / f"{path.stem}{suffix}", realism=0)
    for path in sorted(HOSTILE.glob("*.jpg")):
        assert load_quietly(path.read_bytes()) == "ok"
    assert len(os.listdir(tmp_path)) == len(list(HOSTILE.glob("*.tadm"))) > 0


def test_a_foreign_orientation_is_dropped_in_rows_too(
    tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    block = Image.Exif()
    block[0x0112], block[0x010F] = 6, "Maker"
    data = with_exif(block.tobytes().removeprefix(b"Exif\0\0"), tiny_package)
    for pixels in (10**9, 0):
        monkeypatch.setattr("codec.decoding.saving.ROWS_OUT_PIXELS", pixels)
        with codec.open(data, model=str(tiny_package)) as image:
            image.save(tmp_path / "a.png", overwrite=True)
        with Image.open(tmp_path / "a.png") as written:
            assert dict(written.getexif()) == {0x010F: "Maker"}
