"""Measures of others: used where they are, named where not, and never fetched."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from bench.errors import CodecError
from bench.metrics import external

Pixels = npt.NDArray[np.uint8]

FAKE_PYIQA = """
import socket

def create_metric(name, device):
    if name in ("musiq", "fid"):  # weights are not here: the real package would fetch them now
        socket.create_connection(("example.org", 443))
    def mean_difference(*pictures):
        return (pictures[0] - pictures[-1]).abs().mean()
    return mean_difference
"""
FAKE_TOOL = """#!{python}
import sys, pathlib
assert all(pathlib.Path(p).read_bytes()[:4] == b"\\x89PNG" for p in sys.argv[1:3])
print({said!r})
sys.exit({code})
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    def clear() -> None:
        sys.modules.pop("pyiqa", None)
        external.states.cache_clear()
        external._network.cache_clear()

    clear()
    yield
    clear()


def fake_tool(folder: Path, name: str, said: str, code: int = 0) -> None:
    path = folder / name
    path.write_text(FAKE_TOOL.format(python=sys.executable, said=said, code=code))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_nothing_here(monkeypatch: pytest.MonkeyPatch, photo: Callable[[int, int], Pixels]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(external, "find_spec", lambda _: None)
    monkeypatch.setattr(external, "_judge", lambda _: None)
    assert set(external.states().values()) == {"not installed"}
    picture = photo(64, 48)
    assert external.measure_external(picture, picture) == {}
    assert external.patch_fid([picture], [picture]) is None


@pytest.mark.slow
def test_pyiqa_without_all_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyiqa.py").write_text(FAKE_PYIQA)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    states = external.states()
    assert {states[n] for n in ("lpips_alex", "lpips_vgg", "dists", "clipiqa", "niqe")} == {"ok"}
    assert {states[n] for n in ("musiq", "patch_fid")} == {"no weights"}
    dark, light = (np.full((48, 64, 3), v, np.uint8) for v in (0, 255))
    values = external.measure_external(dark, light)
    assert values["lpips_vgg"] == pytest.approx(1)
    assert values["niqe"] == 0  # sees the decoded picture alone
    assert "musiq" not in values


def test_pyiqa_beside_a_torchvision_that_does_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pyiqa.py").write_text("raise RuntimeError('operator torchvision::nms does not exist')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert {state for name, state in external.states().items() if name in external._PYIQA} == {"no weights"}


def test_the_network_is_open_again_afterwards() -> None:
    import socket

    before = socket.create_connection
    with external._no_network(), pytest.raises(OSError, match="downloads nothing"):
        socket.create_connection(("127.0.0.1", 1))
    assert socket.create_connection is before


def test_tools_of_libjxl(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photo: Callable[[int, int], Pixels]) -> None:
    fake_tool(tmp_path, "ssimulacra2", "-12.34567")
    fake_tool(tmp_path, "butteraugli_main", "5.5\n3-norm: 2.25")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(external, "find_spec", lambda _: None)
    monkeypatch.setattr(external, "_judge", lambda _: None)
    picture = photo(64, 48)
    values = external.measure_external(picture, picture)
    assert values == {"ssimulacra2": pytest.approx(-12.34567), "butteraugli_3n": pytest.approx(2.25)}
    fake_tool(tmp_path, "ssimulacra2", "usage: ...", 1)
    with pytest.raises(CodecError, match="ssimulacra2 ended with 1"):
        external.measure_external(picture, picture)


def test_the_package_has_a_name_of_its_own(
    monkeypatch: pytest.MonkeyPatch, photo: Callable[[int, int], Pixels]
) -> None:
    pytest.importorskip("ssimulacra2", reason="ssimulacra2 is not installed: pip install -e '.[bench]'")
    monkeypatch.setenv("PATH", "/nowhere")
    states, name = external.states(), "ssimulacra2_py"
    assert (states["ssimulacra2"], states[name]) == ("not installed", "ok")
    picture = photo(192, 160)
    same, other = (external.measure_external(picture, p, {name})[name] for p in (picture, picture // 32 * 32))
    assert same == pytest.approx(100)
    assert other < 60


def test_patches_of_fid() -> None:
    small = list(external._patches(np.zeros((130, 200, 3), np.uint8)))
    assert {p.shape for p in small} == {(64, 64, 3)}
    assert len(small) == 2 * 3 + 1 * 2
    assert {p.shape for p in external._patches(np.zeros((1024, 1100, 3), np.uint8))} == {(256, 256, 3)}
