"""The networks that browsers get: the CPU engine's graphs, smaller, and a manifest that fits them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import numpy as np
import onnx

from codec.models.compact.configs import compact_config
from codec.models.compact.graph_networks import FirstGraphs, SecondGraphs, first_graphs
from codec.models.compact.v1.config import CompactConfig as FirstConfig
from codec.models.family import Runtime
from codec.models.graph.sessions import Session
from codec.models.package import open_package
from codec.models.store import released
from codec.viewer.models import drawn_for_browsers, halved


def test_half_precision_loses_nothing(tiny_package: Path) -> None:
    config = compact_config(tiny_package, (4,))
    assert isinstance(config, FirstConfig)
    model = first_graphs(tiny_package, config, 4)["reader"]
    small = halved(model)
    onnx.checker.check_model(onnx.load_from_string(small), full_check=True)
    assert len(small) < 0.8 * len(model)
    rng = np.random.default_rng(0)
    inputs = {
        "lr": rng.uniform(-1, 1, (1, 3, 16, 32)).astype(np.float32),
        "quality": np.full((1, 1, 16, 32), 0.5, np.float32),
    }
    assert np.array_equal(Session(model, "onnx", "fp32").run(**inputs), Session(small, "onnx", "fp32").run(**inputs))


def test_the_manifest_says_what_the_engine_does(tiny_package: Path, tiny_second: Path) -> None:
    packages = [open_package(tiny_package), open_package(tiny_second)]
    manifest, graphs = drawn_for_browsers(packages)
    assert set(manifest["files"]) == set(graphs)
    for name, data in graphs.items():
        said = manifest["files"][name]
        assert said["bytes"] == len(data)
        assert said["sha256"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
    for package in packages:
        for scale in package.scales:
            model = manifest["models"][package.model_id(scale).hex()]
            network = package.load_restorer(scale, Runtime(engine="onnx"))._network  # type: ignore[attr-defined]
            assert isinstance(network, FirstGraphs | SecondGraphs)
            assert (model["scale"], model["halo"]) == (scale, network.halo)
            assert set(model["graphs"]) == set(network._sessions)
            assert model["way"] == package.config["architecture"]


def test_what_scales_share_is_there_once(tiny_package: Path) -> None:
    manifest, graphs = drawn_for_browsers([open_package(tiny_package)])
    trunks = {model["graphs"]["trunk"] for model in manifest["models"].values()}
    assert len(trunks) == 1
    assert len(graphs) == 3 + 2 * len(manifest["models"])


def test_what_one_file_needs_fits_a_page() -> None:
    manifest, graphs = drawn_for_browsers(released())
    for model in manifest["models"].values():
        assert sum(len(graphs[name]) for name in model["graphs"].values()) < 6e6
