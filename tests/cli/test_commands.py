"""The command line as a user meets it: in a process of its own, by exit code, streams and files."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[bytes]]


def one_line(result: subprocess.CompletedProcess[bytes]) -> str:
    text = result.stderr.decode()
    assert text.startswith("tadmc: "), text
    assert text.count("\n") == 1, text
    return text


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_encode_info_decode(run: Run, photo_file: Path, tmp_path: Path, tiny_package: Path) -> None:
    made = run("encode", "photo.png", "photo.tadm", "--model", str(tiny_package))
    assert (made.returncode, made.stdout) == (0, b"")
    assert b"100x70 ->" in made.stderr
    info = json.loads(run("info", "photo.tadm", "--json").stdout)
    assert (info["width"], info["height"], info["scale"], info["payload"]) == (100, 70, 4, "av1")
    assert info["bytes"] == (tmp_path / "photo.tadm").stat().st_size
    back = run("decode", "photo.tadm", "back.png", "--model", str(tiny_package), "--t-map", "t.png", "-q")
    assert (back.returncode, back.stdout, back.stderr) == (0, b"", b"")
    assert size_of(tmp_path / "back.png") == (100, 70)
    assert size_of(tmp_path / "t.png") == (2, 2)
    thumb = run("thumbnail", "photo.tadm")
    assert Image.open(io.BytesIO(thumb.stdout)).size == (25, 18)


def test_streams_give_the_same_bytes_as_files(run: Run, photo_file: Path, tmp_path: Path, tiny_package: Path) -> None:
    model = ("--model", str(tiny_package))
    run("encode", "photo.png", "photo.tadm", "--profile", "tadm", *model)
    piped = run("encode", "-", "-", "--profile", "tadm", *model, stdin=photo_file.read_bytes())
    assert piped.returncode == 0
    assert piped.stdout == (tmp_path / "photo.tadm").read_bytes()
    run("decode", "photo.tadm", "back.png", *model)
    back = run("decode", "-", "-", *model, stdin=piped.stdout)
    assert back.stdout == (tmp_path / "back.png").read_bytes()


def test_output_is_not_overwritten_without_force(
    run: Run, photo_file: Path, tmp_path: Path, tiny_package: Path
) -> None:
    target = tmp_path / "photo.tadm"
    target.write_bytes(b"precious")
    arguments = ("encode", "photo.png", "photo.tadm", "--model", str(tiny_package))
    refused = run(*arguments)
    assert refused.returncode == 8
    assert "exists; -f overwrites it" in one_line(refused)
    assert target.read_bytes() == b"precious"
    assert run(*arguments, "-f").returncode == 0
    assert target.read_bytes()[:4] == b"\x9cTDM"


def test_the_input_is_never_the_output(run: Run, photo_file: Path) -> None:
    before = photo_file.read_bytes()
    assert "is the input itself" in one_line(run("encode", "photo.png", "photo.png", "-f"))
    assert photo_file.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "content", "code", "words"),
    [
        ("missing.tadm", None, 7, "No such file"),
        ("empty.tadm", b"", 3, "not a .tadm file"),
        ("other.tadm", b"\x89PNG\r\n\x1a\n", 3, "not a .tadm file"),
        ("newer.tadm", b"\x9cTDM\xf0" + bytes(40), 4, "file has format 15.0"),
        ("huge.tadm", b"\x9cTDM\x10\x02\xff\xff\xff\x07\xff\xff\xff\x07\x04\x20" + bytes(20), 5, "over the limit"),
    ],
)
def test_bad_files_end_with_one_line_and_their_exit_code(
    run: Run, tmp_path: Path, name: str, content: bytes | None, code: int, words: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    for command in (("info", name), ("verify", name), ("thumbnail", name), ("decode", name, "out.png")):
        result = run(*command)
        assert result.returncode == code, command
        assert words in one_line(result)
        assert result.stdout == b""
    assert not (tmp_path / "out.png").exists()


def test_a_file_for_another_model_says_the_way_out(run: Run, encoded: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tadm").write_bytes(encoded)
    for command in (("decode", "a.tadm", "a.png"), ("verify", "a.tadm")):
        result = run(*command)
        assert result.returncode == 6
        assert "was written for model" in one_line(result)
        assert "allow any model" in one_line(result)


def test_unusable_pictures_and_options(run: Run, tmp_path: Path, tiny_package: Path) -> None:
    Image.new("F", (4, 4)).save(tmp_path / "float.tif")
    (tmp_path / "text.png").write_text("hello")
    for name, words in (("float.tif", "mode 'F'"), ("text.png", "not a picture")):
        result = run("encode", name, "out.tadm", "--model", str(tiny_package))
        assert result.returncode == 8
        assert words in one_line(result)
    assert run("encode", "text.png", "out.tadm", "--quality", "101").returncode == 2
    assert run("encode", "text.png", "out.tadm", "--payload", "png", "--quality", "10").returncode == 2
    assert run("decode", "text.png", "out.png", "--realism", "2").returncode == 2
    assert run("nothing").returncode == 2
    assert list(tmp_path.glob("out*")) == []


def test_decode_to_an_unknown_ending(run: Run, encoded: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.tadm").write_bytes(encoded)
    result = run("decode", "a.tadm", "a.xyz")
    assert result.returncode == 8
    assert "'.xyz'" in one_line(result)


def test_thumbnail_exports_the_stored_picture_itself(
    run: Run, photo_file: Path, tmp_path: Path, tiny_package: Path, encoded: bytes
) -> None:
    (tmp_path / "a.tadm").write_bytes(encoded)
    assert run("thumbnail", "a.tadm", "-o", "a.avif").returncode == 0
    assert run("thumbnail", "a.tadm", "-o", "a.png").returncode == 0
    with Image.open(tmp_path / "a.avif") as avif, Image.open(tmp_path / "a.png") as png:
        # a column more in the AVIF of an odd width, see the test below
        assert np.array_equal(np.asarray(avif.convert("RGB"))[:, : png.width], np.asarray(png))


def test_an_odd_width_with_half_chroma_is_exported_with_a_column_more(
    run: Run, photo_file: Path, tmp_path: Path, tiny_package: Path
) -> None:
    assert run("encode", photo_file.name, "a.tadm", "--chroma", "420", "--model", str(tiny_package)).returncode == 0
    assert run("thumbnail", "a.tadm", "-o", "a.avif").returncode == 0
    assert run("thumbnail", "a.tadm", "-o", "a.png").returncode == 0
    with Image.open(tmp_path / "a.avif") as avif, Image.open(tmp_path / "a.png") as png:
        assert (avif.width, png.width) == (26, 25)
        assert np.array_equal(np.asarray(avif.convert("RGB"))[:, :25], np.asarray(png))


@pytest.mark.parametrize("suffix", [".tif", ".zarr"])
def test_streamed_output_is_the_picture_in_memory(
    run: Run, encoded: bytes, tmp_path: Path, tiny_package: Path, suffix: str
) -> None:
    pytest.importorskip("zarr" if suffix == ".zarr" else "tifffile", reason="the extra `large` is not installed")
    (tmp_path / "a.tadm").write_bytes(encoded)
    model = ("--model", str(tiny_package), "-q")
    run("decode", "a.tadm", "want.png", *model)
    # what decodes into memory is taken away, so that the test knows that it was not used
    code = "import codec, codec.decoding.saving as s; s.ROWS_OUT_PIXELS = 0; codec.TadmImage.rebuild = None; "
    code += "from codec.cli import main; main()"
    command = [sys.executable, "-c", code, "decode", "a.tadm", f"got{suffix}", "--t-map", "t.png", *model]
    subprocess.run(command, cwd=tmp_path, check=True)
    if suffix == ".zarr":
        import zarr

        got = np.asarray(zarr.open_array(tmp_path / "got.zarr", mode="r")[:])
    else:
        with Image.open(tmp_path / "got.tif") as image:
            got = np.asarray(image)
    with Image.open(tmp_path / "want.png") as image:
        assert np.array_equal(got, np.asarray(image))
    assert not [p for p in tmp_path.iterdir() if p.name.endswith(".part")]


def test_a_killed_decode_leaves_no_half_written_file(run: Run, tmp_path: Path, tiny_package: Path) -> None:
    """Killed as soon as it has begun to write: OUTPUT is not there."""
    import codec

    picture = np.random.default_rng(0).integers(0, 256, (1500, 2500, 3), dtype=np.uint8)
    (tmp_path / "big.tadm").write_bytes(codec.encode(picture, model=str(tiny_package), effort="fast"))
    command = [sys.executable, "-m", "codec", "decode", "big.tadm", "big.png", "--model", str(tiny_package)]
    process = subprocess.Popen(command, cwd=tmp_path)
    while process.poll() is None and not [p for p in tmp_path.iterdir() if p.suffix == ".part"]:
        time.sleep(0.02)
    began = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert began
    assert not (tmp_path / "big.png").exists()


def test_broken_pipe_is_quiet(tmp_path: Path, encoded: bytes) -> None:
    (tmp_path / "a.tadm").write_bytes(encoded)
    command = [sys.executable, "-m", "codec", "thumbnail", "a.tadm"]
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert result.returncode == 7
    assert result.stderr == b""


def test_models_lists_ids(run: Run) -> None:
    rows = json.loads(run("models", "--json").stdout)
    assert rows
    assert all(len(row["model_id"]) == 16 for row in rows)
