from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command line in a process of its own, in an empty folder."""

    def call(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "codec", *arguments]
        return subprocess.run(command, input=stdin, capture_output=True, cwd=tmp_path, timeout=100, check=False)

    return call


@pytest.fixture
def photo_file(tmp_path: Path, photo: Callable[[int, int], np.ndarray]) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo(100, 70)).save(path)
    return path


@pytest.fixture(scope="session")
def encoded(tiny_package: Path, photo: Callable[[int, int], np.ndarray]) -> bytes:
    import codec

    return codec.encode(photo(100, 70), model=str(tiny_package))
