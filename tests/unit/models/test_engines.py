"""Which engine runs what: auto, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import codec
from codec.cli import main
from codec.models import engines
from codec.models.engines import resolve_engine
from codec.models.family import Runtime
from codec.models.sd21.family import SD21
from codec.models.tadsr.family import TADSR
from codec.models.tudsr.family import TUDSR

SAMPLE = str(Path(__file__).resolve().parents[3] / "examples/sample.tadm")


@pytest.mark.parametrize(
    ("asked", "gpu", "engine"),
    [
        ({}, False, "onnx"), ({}, True, "torch"), ({"device": "cpu"}, True, "onnx"),
        ({"device": "cuda"}, True, "torch"), ({"device": "mps"}, False, "torch"),
        ({"dtype": "bf16"}, False, "torch"), ({"dtype": "fp32"}, False, "onnx"),
        ({"engine": "torch"}, False, "torch"), ({"engine": "onnx"}, True, "onnx"),
        ({"engine": "openvino", "dtype": "bf16"}, False, "openvino"),
    ],
)  # fmt: skip
def test_auto(asked: dict, gpu: bool, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "has_gpu", lambda: gpu)
    assert resolve_engine(Runtime(**asked)) == engine


def test_without_torch_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "has", lambda name: False)
    assert not engines.has_gpu()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"engine": "onnx", "device": "cuda"}, "engine onnx runs on the cpu, not on cuda"),
        ({"engine": "openvino", "device": "mps"}, "engine openvino runs on the cpu"),
        ({"engine": "onnx", "dtype": "bf16"}, "engine onnx runs in fp32"),
    ],
)
def test_what_an_engine_cannot_do_is_said(asked: dict, message: str) -> None:
    with pytest.raises(codec.ModelError, match=message):
        resolve_engine(Runtime(**asked))


@pytest.mark.parametrize("load", [TADSR.load_restorer, TUDSR.load_restorer, SD21.load_restorer, SD21.load_encoder])
def test_families_without_graphs_need_torch(load: Callable, tmp_path: Path) -> None:
    with pytest.raises(codec.ModelError, match=r"models of the family \w+ run on torch, not on the engine onnx"):
        load(tmp_path, {}, 4, Runtime(engine="onnx"))


def test_a_missing_extra_is_one_line_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.optional.has", lambda name: name != "torch")
    with pytest.raises(
        codec.UnsupportedError, match=r"engine torch needs the package torch: pip install 'tadmc\[torch"
    ):
        codec.decode(SAMPLE, engine=codec.Engine(engine="torch"))
    for family in (SD21, TADSR, TUDSR):
        with pytest.raises(codec.UnsupportedError, match=r"tadmc\[sd21\]"):
            family.verify(tmp_path, {})
    for words in (["train", "merge", "a", "b"], ["decode", SAMPLE, str(tmp_path / "a.png"), "--device", "cuda"]):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == codec.UnsupportedError.exit_code
        assert "tadmc[torch]" in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_file_of_one_engine_is_read_by_the_other(
    tiny_package: Path, photo: Callable[[int, int], np.ndarray], tmp_path: Path
) -> None:
    """Through functions and the command line: the same photograph, give or take a level of rounding."""
    made = {}
    for name in ("onnx", "torch"):
        with codec.Engine(model=str(tiny_package), engine=name) as engine:
            data = codec.encode(photo(120, 90), scale=4, quality=60, engine=engine)
            made[name] = np.asarray(codec.decode(data, engine=engine)).astype(int)
        (tmp_path / "a.tadm").write_bytes(data)
        words = [str(tmp_path / "a.tadm"), str(tmp_path / f"{name}.png"), "--model", str(tiny_package)]
        done = CliRunner().invoke(main, ["decode", *words, "--engine", name])
        assert done.exit_code == 0, done.output
        with Image.open(tmp_path / f"{name}.png") as image:
            assert np.array_equal(np.asarray(image), made[name])
    assert np.abs(made["onnx"] - made["torch"]).max() <= 1


def test_the_command_line_refuses_what_cannot_be(tmp_path: Path) -> None:
    out = str(tmp_path / "a.png")
    done = CliRunner().invoke(main, ["decode", SAMPLE, out, "--engine", "onnx", "--dtype", "bf16"])
    assert done.exit_code == codec.ModelError.exit_code
    assert CliRunner().invoke(main, ["decode", SAMPLE, out, "--engine", "caffe"]).exit_code == 2
