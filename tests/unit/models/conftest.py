"""A release of random weights at tiny shapes, and the package made of it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_sd21(tiny_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package of `tiny_release`."""
    from codec.models.sd21.importing import import_tadm

    folder = tmp_path_factory.mktemp("packages") / "tiny16"
    import_tadm(
        folder, backbone=str(tiny_release / "backbone"), dfrm=tiny_release / "dfrm.pkl",
        tadm=tiny_release / "tadm.pkl", scale=16, prompt=tiny_release / "prompt.npy",
    )  # fmt: skip
    return folder
