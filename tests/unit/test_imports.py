"""What may be loaded when: torch only when pixels are rebuilt, diffusers and peft never by the compact family."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

HEAVY = ("torch", "diffusers", "peft", "transformers", "safetensors.torch")


def loaded(code: str, *arguments: str, heavy: tuple[str, ...] = HEAVY) -> set[str]:
    """Names of the heavy modules loaded after running `code`."""
    program = f"import sys\ntry:\n exec({code!r})\nexcept SystemExit as e:\n assert not e.code, e.code\n" + (
        "sys.stderr.write('LOADED ' + ' '.join(sys.modules))"
    )
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=True, timeout=100)
    names = set(result.stderr.decode().rsplit("LOADED ", 1)[1].split())
    return {name for name in heavy if name in names}


COMMAND = "from codec.cli import main; main()"


@pytest.fixture(scope="module")
def encoded(tiny_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import numpy as np

    import codec

    path = tmp_path_factory.mktemp("imports") / "a.tadm"
    path.write_bytes(codec.encode(np.zeros((40, 40, 3), np.uint8), model=str(tiny_package)))
    return path


def test_import_and_read_info_load_no_torch(encoded: Path) -> None:
    assert loaded("import codec") == set()
    assert loaded(f"import codec; codec.read_info({str(encoded)!r}); codec.thumbnail({str(encoded)!r})") == set()


SAMPLE = "examples/kodim21.png"


def test_the_sample_needs_no_torch(tmp_path: Path) -> None:
    """What `make sample` does, at the default effort: the shipped model writes, looks and rebuilds on ONNX Runtime."""
    file, picture = tmp_path / "a.tadm", tmp_path / "a.png"
    with Image.open(SAMPLE) as image:
        image.crop((96, 64, 352, 256)).save(tmp_path / "small.png")
    assert loaded(COMMAND, "encode", str(tmp_path / "small.png"), str(file)) == set()
    assert loaded(COMMAND, "decode", str(file), str(picture), "--device", "cpu") == set()
    with Image.open(picture) as image:
        assert image.size == (256, 192)


def test_encoding_without_a_writer_loads_no_torch(tiny_package: Path) -> None:
    code = f"import codec, numpy as np; codec.encode(np.zeros((9, 9, 3), np.uint8), model={str(tiny_package)!r})"
    assert loaded(code) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["info"], ["verify", "--any-model"], ["thumbnail"], ["models"]])
def test_commands_that_load_no_torch(arguments: list[str], encoded: Path) -> None:
    if arguments[0] in {"info", "thumbnail", "verify"}:
        arguments = [*arguments, str(encoded)]
    assert loaded(COMMAND, *arguments) == set()


@pytest.mark.parametrize("arguments", [["--help"], ["info"], ["info", "--json"]])
def test_what_shows_no_pixel_loads_nothing_for_pixels(arguments: list[str], encoded: Path) -> None:
    arguments = [*arguments, str(encoded)] if arguments[0] == "info" else arguments
    pixels = ("numpy", "PIL.Image", "onnxruntime")
    assert loaded(COMMAND, *arguments, heavy=pixels) == set()
    assert loaded(f"import codec; codec.read_info({str(encoded)!r})", heavy=pixels) == set()


def test_compact_decoding_loads_neither_diffusers_nor_peft(encoded: Path, tiny_package: Path) -> None:
    code = f"import codec; codec.decode({str(encoded)!r}, model={str(tiny_package)!r}, device='cpu')"
    assert loaded(code) == set()
    engine = f"codec.Engine(model={str(tiny_package)!r}, engine='torch')"
    code = f"import codec; codec.decode({str(encoded)!r}, engine={engine})"
    assert loaded(code) == {"torch", "safetensors.torch"}
