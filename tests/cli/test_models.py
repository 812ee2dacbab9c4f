"""`tadmc models` and the user's folder of packages."""

import json
import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest

import codec
from codec.errors import InputError, ModelError
from codec.models import store as library


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TADMC_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


def models(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "codec", "models", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, env=dict(os.environ))


def test_add_use_and_remove(home: Path, tiny_package: Path) -> None:
    assert models("add", str(tiny_package), "--name", "mine").returncode == 0
    assert sorted(p.name for p in home.iterdir()) == ["mine"]
    rows = json.loads(models("list", "--json").stdout)
    assert {row["scale"] for row in rows if row["name"] == "mine"} == {4, 8, 16, 32}
    about = json.loads(models("info", "mine").stdout)
    assert about["config"]["family"] == "compact"
    assert about["files"]["denoiser.safetensors"] > 0
    assert models("verify", "mine").returncode == 0
    picture = np.full((40, 30, 3), 90, np.uint8)
    data = codec.encode(picture, model="mine")
    # a decoder finds it by the file's id, without being told its name
    assert codec.decode(data) == codec.decode(data, model=tiny_package)
    assert models("remove", "mine").returncode == 0
    assert list(home.iterdir()) == []
    with pytest.raises(ModelError, match="allow any model"):
        codec.decode(data)


def test_the_default_model_is_never_an_added_one(home: Path, tiny_package: Path) -> None:
    library.add(tiny_package, "zzz-99999999")
    assert [p.name for p in library.packages()][-1] == "zzz-99999999"
    assert [p.name for p in library.for_encoding()] == [library.shipped()[0].name]


def test_a_preview_is_taken_only_by_name(tmp_path: Path, tiny_package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["compact-20260102", "compact-preview-20260303", "compact-20260201"]
    for name in names:
        copytree(tiny_package, tmp_path / name)
    monkeypatch.setattr("codec.models.store._SHIPPED", tmp_path)
    assert [p.name for p in library.shipped()] == [names[2], names[0], names[1]]
    assert [p.name for p in library.for_encoding()] == ["compact-20260201"]
    assert [p.name for p in library.for_encoding("compact-preview-20260303")] == ["compact-preview-20260303"]


@pytest.mark.parametrize(
    "config", ["not json", "[]", '{"family": "sd99", "scales": [4]}', '{"family": "compact", "scales": 4}']
)
def test_a_broken_neighbour_disturbs_nobody(home: Path, tiny_package: Path, config: str) -> None:
    """It is not used, it is listed with what is wrong, and it can be removed."""
    library.add(tiny_package, "mine")
    (home / "bad").mkdir()
    (home / "bad" / "config.json").write_text(config)
    data = codec.encode(np.zeros((40, 30, 3), np.uint8), model="mine")
    assert codec.decode(data).size == (30, 40)
    assert codec.encode(np.zeros((40, 30, 3), np.uint8), max_bytes=900)
    listed = models("list", "--json")
    assert {row["name"] for row in json.loads(listed.stdout)} >= {"mine"}
    assert "bad cannot be used" in listed.stderr
    assert models("verify", "bad").returncode == 6
    assert models("remove", "bad").returncode == 0
    assert not (home / "bad").exists()


def test_a_folder_in_the_way_is_no_package(
    home: Path, tiny_package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.add(tiny_package, "mine")
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    assert library.packages("mine")[0].folder == home / "mine"
    with pytest.raises(ModelError, match=r"config\.json"):
        library.packages("./mine")


def test_what_cannot_be_added(home: Path, tiny_package: Path, tmp_path: Path) -> None:
    for name in ("../x", "", ".hidden", "a b", "x" * 99):
        with pytest.raises(InputError, match="model name is"):
            library.add(tiny_package, name)
    part = Path(copytree(tiny_package, tmp_path / "part"))
    (part / "reader16.safetensors").unlink()
    with pytest.raises(ModelError, match=r"reader16\.safetensors is missing"):
        library.add(part)
    assert not home.exists() or list(home.iterdir()) == []
    library.add(tiny_package, "once")
    with pytest.raises(ModelError, match="already is a model package 'once'"):
        library.add(tiny_package, "once")


def test_errors_are_one_line(home: Path, tmp_path: Path) -> None:
    for arguments, code, words in (
        (("info", "nothing"), 6, "no model package 'nothing'"),
        (("verify", str(tmp_path)), 6, "config.json"),
        (("remove", "nothing"), 6, "no model package"),
        (("add", str(tmp_path)), 6, "config.json"),
    ):
        result = models(*arguments)
        assert result.returncode == code, result.stderr
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
    for package in library.shipped():
        assert "part of the installation" in models("remove", package.name).stderr


def test_verify_finds_a_part_that_does_not_fit(home: Path, tiny_package: Path, tmp_path: Path) -> None:
    broken = Path(copytree(tiny_package, tmp_path / "broken"))
    (broken / "reader4.safetensors").write_bytes((broken / "reader8.safetensors").read_bytes())
    result = models("verify", str(broken))
    assert result.returncode == 6
    assert "reader4.safetensors does not fit" in result.stderr
