from pathlib import Path

import pytest
import torch

from codec.errors import ModelError
from codec.models.compact.package import load_package, merged, save_package
from codec.models.compact.v2.config import CompactConfig
from codec.models.compact.v2.model import CompactModel
from codec.models.package import open_package

SMALL = {"width": 8, "deep_width": 8, "blocks": (1, 1, 1), "denoiser_blocks": 1}


def package(folder: Path, seed: int, scales: tuple[int, ...], **fields: object) -> Path:
    torch.manual_seed(seed)
    save_package(CompactModel(CompactConfig(scales=scales, **(SMALL | fields))), folder)  # type: ignore[arg-type]
    return folder


def test_later_parts_replace_earlier_ones(tmp_path: Path) -> None:
    first, second = package(tmp_path / "a", 0, (4, 16)), package(tmp_path / "b", 1, (16,))
    save_package(merged([first, second]), tmp_path / "both")
    both = open_package(tmp_path / "both")
    assert both.scales == (4, 16)
    assert both.model_id(16) == open_package(second).model_id(16)
    a, c = load_package(first).parts(), load_package(tmp_path / "both").parts()
    assert all(torch.equal(x, y) for x, y in zip(a["reader4"].parameters(), c["reader4"].parameters(), strict=True))


def test_the_first_package_says_where_the_dial_stands(tmp_path: Path) -> None:
    first = package(tmp_path / "a", 0, (4,), realism=0.9)
    trained = package(tmp_path / "b", 1, (8,))
    assert merged([first, trained]).config.realism == 0.9


def test_packages_of_other_widths_do_not_merge(tmp_path: Path) -> None:
    folders = [package(tmp_path / "a", 0, (4,)), package(tmp_path / "b", 0, (8,), deep_width=16)]
    with pytest.raises(ModelError, match="differ in more than their scales"):
        merged(folders)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    folder = package(tmp_path / "a", 0, (4,))
    config = folder / "config.json"
    config.write_text(config.read_text().replace("compact-2", "compact-9"))
    with pytest.raises(ModelError, match="architecture is 'compact-9'"):
        load_package(folder)


def test_weights_that_changed_have_another_id(tmp_path: Path) -> None:
    folder = package(tmp_path / "a", 0, (4,))
    before = open_package(folder).model_id(4)
    package(folder, 1, (4,))
    assert open_package(folder).model_id(4) != before


def test_what_only_encoders_use_is_no_part_of_the_id(tmp_path: Path) -> None:
    plain = open_package(package(tmp_path / "a", 0, (4,)))
    with_writer = open_package(package(tmp_path / "b", 0, (4,), writers=(4,), writer_width=8))
    with_denoiser = open_package(package(tmp_path / "c", 0, (4,), denoisers=(4,)))
    assert plain.model_id(4) == with_writer.model_id(4) != with_denoiser.model_id(4)
