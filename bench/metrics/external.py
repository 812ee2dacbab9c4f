"""Measures of others: pyiqa's networks, libjxl's tools, SSIMULACRA2's Python package and the judges of `bench.judges`;
used where they and their weights are, named where not.

Nothing is ever downloaded: pyiqa would fetch weights when a measure is made, so measures are made with the network
shut. A measure that cannot be computed has a state that says why, and no value.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import torch
from PIL import Image

from bench.errors import CodecError
from bench.judges.faces import Faces
from bench.judges.stlpips import StLpips
from bench.judges.text import Text
from bench.metrics.colour import to_tensor
from bench.metrics.panel import Values
from bench.photos import PixelArray

#: (original, decoded), uint8 [H, W, 3] -> measures by name.
Judge = Callable[[PixelArray, PixelArray], Values]
READY, NO_WEIGHTS, NOT_INSTALLED = "ok", "no weights", "not installed"
HELP = {
    "pyiqa": "pip install 'tadmc[metrics]' (needs a torchvision that matches torch), then let pyiqa fetch its weights",
    "ssimulacra2": "put libjxl's tools folder on the PATH",
    "ssimulacra2_py": "pip install ssimulacra2",
    "butteraugli_main": "put libjxl's tools folder on the PATH",
    "judges": "pip install 'tadmc[judges]'",
}
#: pyiqa's names of our picture measures.
_PYIQA = {
    "lpips_alex": "lpips", "lpips_vgg": "lpips-vgg", "dists": "dists", "musiq": "musiq", "clipiqa": "clipiqa",
    "niqe": "niqe", "maniqa": "maniqa", "topiq": "topiq_nr", "qalign": "qalign", "clipiqa_plus": "clipiqa+",
    "nima": "nima", "liqe": "liqe",
}  # fmt: skip
NO_REFERENCE = {"musiq", "clipiqa", "niqe", "maniqa", "topiq", "qalign", "clipiqa_plus", "nima", "liqe"}
_TOOLS = {"ssimulacra2": "ssimulacra2", "butteraugli_3n": "butteraugli_main"}
#: Measures that a Python package computes.
_PACKAGES = {"ssimulacra2_py": "ssimulacra2"}
#: Judges, and the measures that each gives; a picture without a face or a word has none of theirs.
_JUDGES: dict[str, tuple[Callable[[], Judge], tuple[str, ...]]] = {
    "stlpips": (StLpips, ("stlpips",)),
    "faces": (Faces, ("face", "face_lost", "eye")),
    "text": (Text, ("text_lost",)),
}
_TIMEOUT = 600


@cache
def states() -> dict[str, str]:
    """Every external measure: "ok", "no weights" or "not installed"."""
    found = {name: READY if shutil.which(tool) else NOT_INSTALLED for name, tool in _TOOLS.items()}
    found |= {name: READY if find_spec(package) else NOT_INSTALLED for name, package in _PACKAGES.items()}
    for judge, (_, names) in _JUDGES.items():
        found |= dict.fromkeys(names, NOT_INSTALLED if _judge(judge) is None else READY)
    for name, theirs in {**_PYIQA, "patch_fid": "fid"}.items():
        if find_spec("pyiqa") is None:
            found[name] = NOT_INSTALLED
        else:
            found[name] = NO_WEIGHTS if _network(theirs) is None else READY
    return found


def ready() -> set[str]:
    """External measures that a picture can be given here."""
    judged = {name for _, names in _JUDGES.values() for name in names}
    return {n for n, state in states().items() if state == READY and n in {*_PYIQA, *_TOOLS, *_PACKAGES, *judged}}


def measure_external(original: PixelArray, decoded: PixelArray, names: set[str] | None = None) -> Values:
    """External measures of a picture; those that it has no place for (a face, a word) are left out.

    Args:
        original: uint8 [H, W, 3].
        decoded: likewise.
        names: of those that are ready; None = all.

    Raises:
        CodecError: a tool fails on this picture.
    """
    wanted = sorted(ready() if names is None else names & ready())
    values = {name: _pyiqa(name, original, decoded) for name in wanted if name in _PYIQA}
    for judge, (_, names_given) in _JUDGES.items():
        if set(names_given) & set(wanted):
            given = _judge(judge)
            assert given is not None
            values |= {n: v for n, v in given(original, decoded).items() if n in wanted}
    with_files = [name for name in wanted if name in {*_TOOLS, *_PACKAGES}]
    if with_files:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            paths = []
            for stem, picture in (("original", original), ("decoded", decoded)):
                paths.append(Path(folder, f"{stem}.png"))
                Image.fromarray(picture).save(paths[-1], compress_level=1)
            values |= {name: _tool(name, *paths) for name in with_files}
    return values


def patch_fid(originals: list[PixelArray], decoded: list[PixelArray]) -> float | None:
    """FID on patches of 256 px (64 px where a side is below 1024), with a second grid shifted by half a patch.

    None where pyiqa or its weights are not here. Source: Mentzer et al., "High-fidelity generative image compression",
    2020, appendix A.7; the smaller patches for Kodak as in later work.
    """
    network = _network("fid") if states()["patch_fid"] == READY else None
    if network is None:
        return None
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for stem, pictures in (("originals", originals), ("decoded", decoded)):
            target = Path(folder, stem)
            target.mkdir()
            for i, patch in enumerate(patch for picture in pictures for patch in _patches(picture)):
                Image.fromarray(patch).save(target / f"{i:06d}.png", compress_level=1)
        return float(network(str(Path(folder, "decoded")), str(Path(folder, "originals"))))


def _patches(picture: PixelArray) -> Iterator[PixelArray]:
    height, width = picture.shape[:2]
    side = 256 if min(height, width) >= 1024 else 64
    for shift in (0, side // 2):
        for y in range(shift, height - side + 1, side):
            for x in range(shift, width - side + 1, side):
                yield picture[y : y + side, x : x + side]


def _pyiqa(name: str, original: PixelArray, decoded: PixelArray) -> float:
    network = _network(_PYIQA[name])
    pictures = [decoded] if name in NO_REFERENCE else [decoded, original]
    with torch.inference_mode():
        return float(network(*(to_tensor(p) / 255 for p in pictures)))


@cache
def _network(name: str) -> Any:  # noqa: ANN401 - pyiqa has no types
    """Pyiqa's measure, or None if its weights are not on this machine."""
    with _no_network():
        try:
            return import_module("pyiqa").create_metric(name, device="cpu")
        except Exception:  # pyiqa, what it loads weights with, and a torchvision that does not fit raise many kinds
            return None


@cache
def _judge(name: str) -> Judge | None:
    """A judge, or None if its package is not installed."""
    try:
        return _JUDGES[name][0]()
    except ImportError:
        return None


@contextlib.contextmanager
def _no_network() -> Iterator[None]:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError("the bench downloads nothing")

    kept = socket.socket.connect, socket.create_connection, socket.getaddrinfo
    socket.socket.connect = refuse  # type: ignore[method-assign]
    socket.create_connection = refuse
    socket.getaddrinfo = refuse
    try:
        yield
    finally:
        socket.socket.connect, socket.create_connection, socket.getaddrinfo = kept  # type: ignore[method-assign]


def _tool(name: str, original: Path, decoded: Path) -> float:
    if name in _PACKAGES:
        return float(import_module(_PACKAGES[name]).compute_ssimulacra2(str(original), str(decoded)))
    command = [_TOOLS[name], str(original), str(decoded)]
    if name == "butteraugli_3n":
        command += ["--pnorm", "3"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT)
    except subprocess.TimeoutExpired as exc:
        raise CodecError(f"{command[0]} took more than {_TIMEOUT} s") from exc
    pattern = r"3-norm:\s*(-?[\d.]+)" if name == "butteraugli_3n" else r"^\s*(-?[\d.]+)"
    found = re.search(pattern, done.stdout, re.MULTILINE)
    if done.returncode or found is None:
        raise CodecError(f"{command[0]} ended with {done.returncode} and said {done.stdout.strip()[:80]!r}")
    return float(found[1])
