"""Reference data of the published TADM, from the folder beside the repository; tests are skipped without it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

Array = npt.NDArray[np.generic]
Shapes = dict[str, dict[str, list[int]]]


@pytest.fixture(scope="session")
def reference() -> Path:
    """Folder of the reference data."""
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "conformance"
    if not folder.is_dir():
        pytest.skip(f"conformance data is not beside the repository: {folder} is no folder")
    return folder


@pytest.fixture(scope="session")
def fill(reference: Path) -> ModuleType:
    """The deterministic filler. `tiny_backbone` imports it by its bare name, so it is registered under that."""
    return _load_script("fill", reference / "fill.py")


@pytest.fixture(scope="session")
def tiny_backbone(fill: ModuleType, reference: Path) -> ModuleType:
    """The script that writes the stand-in for Stable Diffusion and its checkpoints."""
    pytest.importorskip("diffusers")
    return _load_script("tiny_backbone", reference / "tiny_backbone.py")


@pytest.fixture(scope="session")
def losses(reference: Path) -> dict[str, Any]:
    """Values of losses, made from first principles."""
    found: dict[str, Any] = json.loads((reference / "losses/losses.json").read_text())
    return found


@pytest.fixture(scope="session")
def shapes(reference: Path) -> Shapes:
    """Names and shapes of the released state dicts."""
    loaded: Shapes = json.loads((reference / "tadm_modules" / "official_names.json").read_text())
    return loaded


@pytest.fixture(scope="session")
def arrays(reference: Path) -> Callable[[str], dict[str, Tensor]]:
    """Reads a file of reference arrays as tensors."""

    def read(name: str) -> dict[str, Tensor]:
        with np.load(reference / name) as stored:
            return {key: torch.from_numpy(stored[key]) for key in stored}

    return read


@pytest.fixture(scope="session")
def agree() -> Callable[[Tensor, Tensor], None]:
    """Asserts the tolerance that the conformance data states for float32 on a CPU."""

    def check(got: Tensor, expected: Tensor) -> None:
        assert got.shape == expected.shape
        difference = (got - expected).abs().max().item()
        assert difference <= 2e-4 * max(1.0, expected.abs().max().item())

    return check


@pytest.fixture(scope="session")
def same_lr() -> Callable[[Tensor, Tensor], None]:
    """Asserts that LR pictures are equal, but for one grey level on at most 0.1% of the samples."""

    def check(got: Tensor, expected: Tensor) -> None:
        assert got.dtype == expected.dtype == torch.uint8
        assert got.shape == expected.shape
        difference = (got.int() - expected.int()).abs()
        assert difference.max().item() <= 1
        assert (difference > 0).float().mean().item() <= 1e-3

    return check


def _load_script(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        pytest.skip(f"conformance data has no {path.name}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
