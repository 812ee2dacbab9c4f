"""Fixtures shared by all tests: a tiny model package with random weights, and small pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

# No test asserts a time, and a busy machine makes any example slow. Examples are the same in every run: what is red is
# red for everybody; `--hypothesis-profile=explore` draws others.
settings.register_profile("steady", settings.default, deadline=None, derandomize=True)
settings.register_profile("explore", settings.default, deadline=None)
settings.load_profile("steady")

# Small tensors: threads would only wait for each other. Set before torch is imported, and for child processes too.
os.environ.setdefault("OMP_NUM_THREADS", "1")

Pixels = npt.NDArray[np.uint8]
ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def tiny_package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compact model package with every scale, small widths and random weights that all have an effect."""
    import torch

    from codec.models.compact.package import save_package
    from codec.models.compact.v1.config import CompactConfig
    from codec.models.compact.v1.model import CompactModel

    torch.manual_seed(0)
    config = CompactConfig(scales=(4, 8, 16, 32), reader_width=8, widths=(8, 8, 16), half_width=8, predictor_width=8)
    model = CompactModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.7 * parameter[0].numel() ** -0.5)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_package(model, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package of architecture compact-2: every part at every scale, tiny, random weights that all have an effect."""
    import torch

    from codec.models.compact.package import save_package
    from codec.models.compact.v2.config import SCALES, CompactConfig
    from codec.models.compact.v2.model import CompactModel

    torch.manual_seed(0)
    model = CompactModel(
        CompactConfig(
            width=8, deep_width=16, blocks=(1, 2, 1), climb_blocks=1, denoiser_width=12, denoiser_blocks=1,
            writer_width=8, shallow=(32,), denoisers=SCALES, shading=0.75, writers=SCALES,
        )
    )  # fmt: skip
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.8 * parameter[0].numel() ** -0.5)
    folder = tmp_path_factory.mktemp("models") / "tiny2"
    save_package(model, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stand-in for the published TADM at scale 16: `backbone/`, `dfrm.pkl`, `tadm.pkl`, `prompt.npy`; tiny, random."""
    from bench.random_sd21 import make_release

    folder = tmp_path_factory.mktemp("release")
    make_release(folder, shapes="tiny", scale=16)
    return folder


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


@pytest.fixture(scope="session")
def tiny_tadsr(tiny_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TADSR package of scale 4 around the backbone of `tiny_release`; random weights that all have an effect."""
    from bench.random_sd21 import make_tadsr

    folder = tmp_path_factory.mktemp("packages") / "tinytadsr"
    make_tadsr(folder, tiny_release)
    return folder


@pytest.fixture(scope="session")
def tiny_tudsr(tiny_release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A TUDSR package, 2 x 2, around the backbone of `tiny_release`; random weights that all have an effect."""
    from bench.random_sd21 import make_tudsr

    folder = tmp_path_factory.mktemp("packages") / "tinytudsr"
    make_tudsr(folder, tiny_release, rank=4)
    return folder


@pytest.fixture(scope="session")
def photo() -> Callable[[int, int], Pixels]:
    """Something like a photograph, of any size: smooth shapes, an edge and some grain."""

    def make(width: int, height: int) -> Pixels:
        y, x = np.mgrid[0:height, 0:width].astype(np.float64)
        rng = np.random.default_rng(width * 10007 + height)
        base = np.stack([np.sin(x / 19 + 0.3), np.cos(y / 23 - 0.2), np.sin((x + y) / 31)], 2) * 80 + 128
        base += 40 * (x + 2 * y > width)[:, :, None] + rng.normal(0, 6, (height, width, 3))
        return np.clip(base, 0, 255).astype(np.uint8)

    return make


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped, in one line that is easy to find."""
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.write_line(f"skipped tests: {len(skipped)} (reasons above)")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Conformance may be skipped only where its reference data is absent."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or not SHARED.is_dir():
        return
    skipped = [r.nodeid for r in reporter.stats.get("skipped", []) if "conformance" in r.nodeid]
    if skipped:
        reporter.write_line(f"FAILED: the reference data is here, yet {len(skipped)} conformance tests were skipped")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
