import json
import shutil
from pathlib import Path

import pytest

from codec.errors import ModelError
from codec.models.compact.family import COMPACT
from codec.models.package import open_package
from codec.models.sd21.family import SD21
from codec.models.store import for_decoding, for_encoding


def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_id_does_not_depend_on_other_scales(tiny_package: Path, tmp_path: Path) -> None:
    want = open_package(tiny_package).model_id(16)
    folder = copy(tiny_package, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"scales": [16]}))
    (folder / "reader4.safetensors").unlink()
    assert open_package(folder).model_id(16) == want
    assert want != open_package(tiny_package).model_id(4)
    assert len(want) == 8


def test_id_changes_with_any_weight_and_any_width(tiny_package: Path, tmp_path: Path) -> None:
    want = open_package(tiny_package).model_id(4)
    folder = copy(tiny_package, tmp_path)
    data = bytearray((folder / "denoiser.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "denoiser.safetensors").write_bytes(data)
    assert open_package(folder).model_id(4) != want


def test_finding_the_model_of_a_file(tiny_package: Path) -> None:
    (package,) = for_encoding(str(tiny_package))
    assert for_decoding(package.model_id(4), 4, COMPACT, model=str(tiny_package)) == package
    with pytest.raises(ModelError, match=r"written for model 0000000000000000 at scale 4.*or allow any model"):
        for_decoding(bytes(8), 4, COMPACT, model=str(tiny_package))
    assert for_decoding(bytes(8), 4, COMPACT, model=str(tiny_package), any_model=True) == package
    for scale, family in ((5, COMPACT), (4, SD21)):
        with pytest.raises(ModelError, match="written for model"):
            for_decoding(bytes(8), scale, family, model=str(tiny_package), any_model=True)


def test_broken_packages_are_refused(tiny_package: Path, tmp_path: Path) -> None:
    from codec.models.compact.package import load_package

    with pytest.raises(ModelError, match=r"config\.json is not readable"):
        open_package(tmp_path)
    folder = copy(tiny_package, tmp_path)
    (folder / "denoiser.safetensors").write_bytes(b"\xff" * 100)
    for use in (lambda: open_package(folder).model_id(4), lambda: load_package(folder)):
        with pytest.raises(ModelError):
            use()
    (folder / "denoiser.safetensors").unlink()
    for use in (lambda: open_package(folder).model_id(8), lambda: load_package(folder)):
        with pytest.raises(ModelError, match=r"denoiser\.safetensors is missing"):
            use()


def test_weights_that_do_not_fit_their_config_are_refused(tiny_package: Path, tmp_path: Path) -> None:
    from codec.models.compact.package import load_package

    folder = copy(tiny_package, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"half_width": 16}))
    with pytest.raises(ModelError, match="does not fit its config"):
        load_package(folder)
    (folder / "config.json").write_text(json.dumps(config | {"depth": 16}))
    with pytest.raises(ModelError, match="depth"):
        load_package(folder)
