"""Two small photographs and one small run of the bench on them, shared by all its tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from filelock import FileLock
from PIL import Image

pytest.importorskip("matplotlib", reason="the extra `bench` is not installed: pip install -e '.[bench]'")
pytest.importorskip("bjontegaard", reason="the extra `bench` is not installed: pip install -e '.[bench]'")
pytest.importorskip("jsonschema", reason="the extra `bench` is not installed: pip install -e '.[bench]'")

from bench import records
from bench.codecs.base import CodecOptions
from bench.plan import Plan

Pixels = npt.NDArray[np.uint8]

#: Small photographs need many bits a pixel: headers are the same as for large ones.
TARGETS = (0.25, 0.35, 1.0)
SPECS = ("jpeg/2", "webp", "tadm/4:r0", "tadm/4:r1")


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all processes that run these tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "bench"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def photos_folder(shared_folder: Path, photo: Callable[[int, int], Pixels]) -> Path:
    """Two PNG files, large enough for every measure of ours."""
    folder = shared_folder / "photos"
    with FileLock(shared_folder / "photos.lock"):
        if not folder.exists():
            folder.mkdir()
            Image.fromarray(photo(192, 176)).save(folder / "one.png")
            Image.fromarray(photo(200, 168)).save(folder / "two.png")
    return folder


@pytest.fixture(scope="session")
def plan(photos_folder: Path, tiny_package: Path) -> Plan:
    """What the shared run measures."""
    model = photos_folder.parent / tiny_package.name
    with FileLock(photos_folder.parent / "model.lock"):  # every process has a tiny package of its own, all alike
        if not model.exists():
            shutil.copytree(tiny_package, model)
    return Plan(
        out=photos_folder.parent / "run", photos=tuple(sorted(photos_folder.iterdir())), specs=SPECS, protocol="below",
        targets=TARGETS, options=CodecOptions(model=str(model), device="cpu"), external=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def run(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The shared run, done once by whichever process comes first, and a copy of it: journal, files, results.json."""
    with FileLock(f"{plan.out}.lock"):
        if not (plan.out / records.RESULTS).exists():
            records.measure(plan, {"vvc": "vvc: not here"})
    own = tmp_path_factory.mktemp("bench") / "run"
    shutil.copytree(plan.out, own)
    return replace(plan, out=own)


@pytest.fixture
def record(run: Plan) -> dict[str, Any]:
    """Results of the shared run."""
    return records.read(run.out)


@pytest.fixture
def cheap(plan: Plan, tmp_path: Path, photo: Callable[[int, int], Pixels]) -> Plan:
    """A run of peers only on two tiny photographs, into a folder of its own."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, width in (("one", 80), ("two", 96)):
        Image.fromarray(photo(width, 64)).save(folder / f"{name}.png")
    return replace(
        plan, out=tmp_path / "run", photos=tuple(sorted(folder.iterdir())), specs=("jpeg", "jpeg/2", "webp"),
        targets=(1.0, 2.0, 3.0), external=False,
    )  # fmt: skip
