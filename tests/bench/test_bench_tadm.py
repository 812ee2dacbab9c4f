"""TADM's own figures and tables on tiny packages of the `sd21` family."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib import pyplot as plt
from PIL import Image

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")

from bench.cli import main
from bench.errors import BenchError
from bench.figures import dial, tables, tiles, timesteps
from bench.figures.latent_errors import latent_errors
from bench.figures.style import save
from bench.metrics.catalog import ALL
from bench.photos import Photo
from codec.geometry import Size
from codec.models.package import open_package
from codec.models.sd21.package import load_package

Pixels = Callable[[int, int], np.ndarray]


def call(*words: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(main, [str(w) for w in words])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory, photo: Pixels) -> Path:
    path = tmp_path_factory.mktemp("tadm") / "one.png"
    Image.fromarray(photo(128, 128)).save(path)
    return path


class TestFig3:
    @pytest.mark.slow
    def test_errors_of_the_latent(self, tiny_sd21: Path, photo: Pixels) -> None:
        import torch

        pixels = photo(128, 64)
        data = latent_errors([tiny_sd21], [Photo("one", pixels)], "cpu")
        pipeline = load_package(tiny_sd21)
        x = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 127.5 - 1
        z = pipeline.latent_codec.encode(x)
        lr = ((pipeline.encode(x).clamp(-1, 1) + 1) * 127.5).round() / 127.5 - 1
        z_hat = pipeline.read(lr).numpy().astype(np.float64) * pipeline.latent_codec.scaling_factor
        want = np.square(z_hat - z.detach().numpy()).mean()
        (one,) = data["scales"]
        assert one["error"] == pytest.approx(want, rel=1e-4)
        assert one["tiles"] == pytest.approx([want], rel=1e-4)
        assert one["timesteps"] == pytest.approx(pipeline.predict(pipeline.read(lr), None).flatten().tolist(), rel=1e-4)
        assert data["energy"] == pytest.approx(float(z.square().mean()), rel=1e-4)

    def test_diffusion_as_stable_diffusion_counts(self) -> None:
        betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
        alphas = list(np.cumprod(1 - betas))
        t, curve = timesteps.diffusion_error(2.0, alphas)
        assert (len(t), t[0], t[-1]) == (1000, 0, 999)
        assert curve[200] == pytest.approx((1 - alphas[200] ** 0.5) ** 2 * 2 + 1 - alphas[200])
        assert timesteps.equal_timestep(curve[137], 2.0, alphas) == pytest.approx(137)
        # the compact family counts from one step earlier
        assert timesteps.diffusion_error(2.0)[1][201] == pytest.approx(curve[200], rel=1e-5)

    @pytest.mark.slow
    def test_the_command(self, picture: Path, tiny_sd21: Path, tiny_package: Path, tmp_path: Path) -> None:
        call("figure", "fig3", picture, "--out", tmp_path, "--model", tiny_sd21, "--device", "cpu")
        assert [one["label"] for one in json.loads((tmp_path / "fig3.json").read_text())["scales"]] == ["16x PNG"]
        assert "the denoiser" in (tmp_path / "fig3.svg").read_text()
        wrong = call(
            "figure", "fig3", picture, "--out", tmp_path, "--model", tiny_sd21, "--model", tiny_package, code=1
        )
        assert "a package of the family compact, expected sd21" in wrong.stderr

    def test_of_another_family(self, tiny_package: Path) -> None:
        with pytest.raises(BenchError, match="family compact, expected sd21"):
            latent_errors([tiny_package], [], "cpu")


class TestFig8:
    def test_tiles_lie_where_they_are(self) -> None:
        """Two by two tiles of 96 cells over 160 x 128 cells; a cell has the mean of the tiles over it."""
        spread = tiles.spread(np.array([[10.0, 50.0], [90.0, 130.0]]), Size(1280, 1024), "sd21")
        assert spread.shape == (128, 160)
        assert (spread[0, 0], spread[0, 159], spread[127, 0], spread[127, 159]) == (10, 50, 90, 130)
        # lefts are 0 and 64, tops 0 and 32: columns 64..95 and rows 32..95 are under two tiles or four
        assert (spread[0, 63], spread[0, 64], spread[0, 95], spread[0, 96]) == (10, 30, 30, 50)
        assert (spread[31, 0], spread[32, 0], spread[95, 0], spread[96, 0]) == (10, 50, 50, 90)
        assert spread[64, 80] == 70

    def test_of_other_families(self) -> None:
        compact = tiles.spread(np.array([[1.0, 2.0], [3.0, 4.0]]), Size(100, 90), "compact")
        assert compact.shape == (12, 13)
        assert (compact[7, 7], compact[7, 8], compact[8, 7], compact[8, 8]) == (1, 2, 3, 4)
        assert set(tiles.spread(np.array([[300.0]]), Size(100, 90), "tadsr").flat) == {300}

    def test_the_map_covers_the_picture(self) -> None:
        pixels = np.zeros((1024, 1280, 3), np.uint8)
        figure = timesteps.draw_map(pixels, pixels, np.array([[10.0, 50.0], [90.0, 130.0]]), "here", "sd21")
        (shown,) = (image for image in figure.axes[1].images if image.get_array().ndim == 2)  # type: ignore[union-attr]
        assert tuple(shown.get_extent()) == (0, 1280, 1024, 0)
        plt.close(figure)

    @pytest.mark.long
    @pytest.mark.timeout(600)
    def test_the_command(self, photo: Pixels, tiny_sd21: Path, tmp_path: Path) -> None:
        Image.fromarray(photo(832, 64)).save(tmp_path / "wide.png")
        call("figure", "fig8", tmp_path / "wide.png", "--out", tmp_path, "--model", tiny_sd21, "--device", "cpu")
        assert len((tmp_path / "fig8.csv").read_text().split(",")) == 2
        assert (tmp_path / "fig8.png").stat().st_size > 0


@pytest.mark.slow
def test_a_stand_in_of_tadsr(tmp_path: Path) -> None:
    call("stand-in", tmp_path / "made", "--shapes", "tiny", "--family", "tadsr")
    package = open_package(tmp_path / "made")
    assert (package.family.name, package.scales) == ("tadsr", (4,))
    wrong = call("stand-in", tmp_path / "other", "--family", "tadsr", "--scale", "16", code=2)
    assert "tadsr has 2, 4, 8" in wrong.stderr
    assert [p.name for p in tmp_path.iterdir() if "other" in p.name] == []


def test_fig6_of_training_logs(tmp_path: Path) -> None:
    for name, factor in (("full", 1.0), ("no_inn", 1.3)):
        rows = [{"step": s, "held_out_rec": factor / s, "held_out_guide": 0.1 * factor} for s in (1, 2, 3)]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in ({"step": 1, "rec": 2.0}, *rows)))
    logs = [f"--log=DFRM={tmp_path / 'full'}", f"--log=without INN={tmp_path / 'no_inn'}"]
    call("figure", "fig6", "--out", tmp_path, *logs)
    said = (tmp_path / "fig6.svg").read_text()
    assert "held_out_rec" in said
    assert "held_out_guide" in said
    assert "without INN" in said
    call("figure", "fig6", "--out", tmp_path, *logs, "--key", "held_out_rec")
    assert "held_out_guide" not in (tmp_path / "fig6.svg").read_text()
    (tmp_path / "full").write_text('{"step": 1}\n')
    assert "none of psnr_z_hat" in call("figure", "fig6", "--out", tmp_path, *logs, code=1).stderr
    assert "give PHOTOS" in call("figure", "fig6", "--out", tmp_path, code=2).stderr


def lines_of(**psnr: float) -> dict[str, dict[str, Any]]:
    return {
        name: {"codec": name, "bpp": 0.06, "metrics": {"psnr": value, "texture": value / 100}}
        for name, value in psnr.items()
    }


def test_fig7_is_one_point_a_package(tmp_path: Path) -> None:
    svg, _ = save(dial.draw_retrained(lines_of(aligned=25.0, t1=26.0, t999=22.0)), tmp_path, "fig7")
    said = svg.read_text()
    assert all(name in said for name in ("aligned", "t1", "t999"))
    with pytest.raises(BenchError, match="no perceptual measure"):
        dial.draw_retrained({"a": {"metrics": {"psnr": 20.0}}})


def test_rows_of_tab2() -> None:
    metrics = {name: {**m.to_dict(), "state": "ok" if m.source == "bench" else "no weights"} for name, m in ALL.items()}
    lines = lines_of(**{"tadm/16-png:z": 24.0, "tadm/16-png:r1": 23.0})
    record = {"codecs": {name: {"title": name} for name in lines}, "metrics": metrics}
    z, r1 = lines.values()
    header, rows = tables.rescaling_spaces([((True, False, False), record, z), ((True, False, True), record, r1)])
    assert [row[:5] for row in rows] == [
        ["tadm/16-png:z", "yes", "no", "no", "0.0600"], ["tadm/16-png:r1", "yes", "no", "yes", "0.0600"]
    ]  # fmt: skip
    assert [row[header.index("PSNR (RGB)")] for row in rows] == ["24.00", "23.00"]
    assert rows[0][header.index("DISTS")] == "no weights"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_fig7_of_retrained_packages(picture: Path, tiny_sd21: Path, tmp_path: Path) -> None:
    from codec.training.sd21.trainable import Trainable

    Trainable.from_package(tiny_sd21, "enhancement", 999).save(tmp_path / "t999")
    packages = [f"--package=time alignment={tiny_sd21}", f"--package=t 999={tmp_path / 't999'}"]
    call("figure", "fig7", picture, "--out", tmp_path, *packages, "--no-external", "--device", "cpu")
    said = (tmp_path / "fig7.svg").read_text()
    assert "time alignment" in said
    assert "t 999" in said
    call("figure", "fig7", picture, "--out", tmp_path, *packages, "--model", tiny_sd21, code=2)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_tab2(picture: Path, tiny_sd21: Path, tiny_package: Path, tmp_path: Path) -> None:
    rescaler = Path(shutil.copytree(tiny_sd21, tmp_path / "stage1"))
    call(
        "figure", "tab2", picture, "--out", tmp_path, "--model", tiny_sd21, "--rescaler", rescaler, "--no-external",
        "--device", "cpu",
    )  # fmt: skip
    rows = list(csv.DictReader((tmp_path / "tab2.csv").read_text().splitlines()))
    marks = [(row["latent space"], row["pixel space"], row["SD prior"]) for row in rows]
    assert marks == [("yes", "no", "no"), ("yes", "no", "yes")]
    assert rows[0]["bpp"] == rows[1]["bpp"]
    assert rows[0]["PSNR (RGB)"] != rows[1]["PSNR (RGB)"]
    assert "0.2979" in (tmp_path / "tab2-published.md").read_text()
    wrong = call("figure", "tab2", picture, "--out", tmp_path, "--model", tiny_package, "--device", "cpu", code=1)
    assert "packages of sd21" in wrong.stderr
