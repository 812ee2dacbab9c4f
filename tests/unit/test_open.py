"""The opened file: parsed once, decoded where it is looked at, saved whole or not at all."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import codec
from codec import geometry
from codec.container import reader
from codec.decoding import opening
from codec.payload.av1 import Av1Payload

Photo = Callable[[int, int], np.ndarray]


@pytest.fixture(scope="module")
def data(tiny_package: Path, photo: Photo) -> bytes:
    return codec.encode(photo(333, 222), model=str(tiny_package))


@pytest.mark.slow
def test_fifty_regions_cost_one_parse(
    tiny_package: Path, photo: Photo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """... and every slab is decoded once."""
    monkeypatch.setattr(geometry, "ONE_SLAB_PIXELS", 1)
    monkeypatch.setattr(geometry, "SLAB_SIDE", 64)
    path, parses, decodes = tmp_path / "a.tadm", list[int](), list[int]()
    data = codec.encode(photo(333, 222), model=str(tiny_package))
    path.write_bytes(data)

    def read(*arguments: object) -> object:
        parses.append(1)
        return reader.read(*arguments)  # type: ignore[arg-type]

    plain = Av1Payload.decode

    def decode(self: Av1Payload, *arguments: Any, **named: Any) -> object:
        decodes.append(1)
        return plain(self, *arguments, **named)

    monkeypatch.setattr(opening, "read", read)
    monkeypatch.setattr(Av1Payload, "decode", decode)
    whole = np.asarray(codec.decode(data, model=str(tiny_package)))
    parses.clear()
    decodes.clear()
    with codec.open(path, model=str(tiny_package)) as image:
        for i in range(50):
            part = np.asarray(image.decode(region=(3 * i, 2 * i, 40, 30)))
            assert np.array_equal(part, whole[2 * i : 2 * i + 30, 3 * i : 3 * i + 40])
        image.thumbnail()
    assert (len(parses), len(decodes)) == (1, codec.read_info(data).slabs)
    assert len(decodes) > 1


def test_it_says_what_read_info_says(data: bytes) -> None:
    with codec.open(data) as image:
        assert image.info == codec.read_info(data)
        assert np.array_equal(np.asarray(image.thumbnail()), np.asarray(codec.thumbnail(data)))


def test_two_decoded_pictures_can_be_compared(data: bytes, tiny_package: Path) -> None:
    model = str(tiny_package)
    assert codec.decode(data, model=model) == codec.decode(data, model=model)
    assert codec.decode(data, model=model) != codec.decode(data, model=model, realism=0)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp"])
def test_save(data: bytes, tiny_package: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"a{suffix}"
    with codec.open(data, model=str(tiny_package)) as image:
        saved = image.save(out, region=(10, 20, 100, 90), realism=0.5, fixed_timestep=50)
        want = np.asarray(image.decode(region=(10, 20, 100, 90), realism=0.5, fixed_timestep=50)).astype(int)
        assert (saved.timesteps == 50).all()
        assert saved.notes == ()
        with Image.open(out) as written:
            assert np.abs(np.asarray(written) - want).mean() < (8 if suffix == ".webp" else 1e-9)
        before = out.read_bytes()
        with pytest.raises(codec.InputError, match="exists"):
            image.save(out)
        assert out.read_bytes() == before
        image.save(out, overwrite=True)
        assert out.read_bytes() != before
        buffer = io.BytesIO()
        image.save(buffer, format="PNG")
        assert Image.open(buffer).size == (333, 222)
    assert [p.name for p in tmp_path.iterdir()] == [out.name]


def test_a_save_that_fails_leaves_what_was_there(
    data: bytes, tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.png"
    out.write_bytes(b"before")

    def broken(*_: object) -> None:
        raise codec.ModelError("no")

    with codec.open(data, model=str(tiny_package)) as image:
        monkeypatch.setattr(codec.TadmImage, "rebuild", broken)
        with pytest.raises(codec.ModelError, match="no"):
            image.save(out, overwrite=True)
        with pytest.raises(codec.InputError, match=r"'\.xyz'"):
            image.save(tmp_path / "a.xyz")
    assert out.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


class Dribbling(io.RawIOBase):
    """A file object that gives a few bytes at a time, as sockets do."""

    def __init__(self, data: bytes, *, seekable: bool) -> None:
        self._inner, self._seekable = io.BytesIO(data), seekable

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._seekable

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._inner.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(7 if size < 0 else min(7, size))


@pytest.mark.parametrize("seekable", [True, False])
def test_short_reads_are_no_damage(data: bytes, seekable: bool) -> None:
    assert codec.read_info(Dribbling(data, seekable=seekable)) == codec.read_info(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [None, 3, np.zeros((4, 4, 3)), {"a": 1}])
def test_wrong_types_are_input_errors(wrong: Any) -> None:
    verbs: list[Any] = [codec.decode, codec.open, codec.read_info, codec.thumbnail]
    for verb in verbs:
        with pytest.raises(codec.InputError, match="expected bytes, a path or a binary file object"):
            verb(wrong)
    if not isinstance(wrong, np.ndarray):
        with pytest.raises(codec.InputError, match="expected a path, bytes, a binary file, a PIL image or an array"):
            codec.encode(wrong)
    given: list[Any] = [(codec.decode, {"realism": 1}), (codec.encode, {"scale": 4})]
    for verb, options in given:
        with pytest.raises(codec.InputError, match="options is a dict"):
            verb(b"", options=options)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_any_kind(kind: type, data: bytes, tiny_package: Path, photo: Photo) -> None:
    buffer = io.BytesIO()
    Image.fromarray(photo(20, 30)).save(buffer, "PNG")
    coded = codec.encode(kind(buffer.getvalue()), model=str(tiny_package))
    assert codec.read_info(kind(coded)).bytes == len(coded)
    assert codec.decode(kind(coded), model=str(tiny_package)).size == (20, 30)
    words = memoryview(coded + bytes(-len(coded) % 4)).cast("I")
    with pytest.raises(codec.FormatError):  # read as bytes, not as words: the padding is what is wrong
        codec.read_info(words) if len(coded) % 4 else codec.read_info(words[:-1])


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no /proc")
def test_a_large_file_streams_in_the_memory_of_the_command_line(tmp_path: Path) -> None:
    """8192 x 8192 from Python and by `tadmc decode`: the same file, and no more than a tenth more memory."""
    rng = np.random.default_rng(0)
    rough = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    Image.fromarray(rough).resize((8192, 8192), Image.Resampling.BICUBIC).save(tmp_path / "a.png", compress_level=1)
    (tmp_path / "a.tadm").write_bytes(codec.encode(tmp_path / "a.png", effort="fast"))

    def peak(code: str, *arguments: str) -> int:
        """KiB. Not by the parent's account of its children: that begins with what the parent itself holds."""
        told = "import atexit, pathlib; atexit.register(lambda: print(pathlib.Path('/proc/self/status').read_text()))\n"
        command = [sys.executable, "-c", told + code, *arguments]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return next(int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("VmHWM"))

    library = peak("import codec; f = codec.open('a.tadm'); f.save('lib.tif', realism=0)")
    options = ("decode", "a.tadm", "cli.tif", "--realism", "0", "-q")
    command = peak("from codec.cli import main; main(standalone_mode=False)", *options)
    assert (tmp_path / "lib.tif").read_bytes() == (tmp_path / "cli.tif").read_bytes()
    assert library <= 1.1 * command
    assert library < 1.5e6
