"""Figures and tables: drawn from results, with the numbers where they belong."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.codecs.base import CodecOptions, Expected
from bench.codecs.registry import make
from bench.codecs.tadm import Variant
from bench.codecs.upscaled import NETWORKS
from bench.decoding import Decoder, Read
from bench.errors import BenchError
from bench.figures import curves, dial, rescaler, runs, tables, timesteps
from bench.figures.sheet import Cell, detailed_crop, sheet
from bench.figures.style import look, save
from bench.metrics.catalog import ALL
from bench.photos import read_photo
from bench.plan import Plan


def texts(path: Path) -> str:
    return " ".join(e.text or "" for e in ET.parse(path).iter() if e.tag.endswith("text"))


def record_of(specs: dict[str, dict[str, float]], target: float = 0.05, n: int = 2) -> dict[str, Any]:
    """A record with one summary line a codec."""
    codecs = {}
    for spec in specs:
        variant = Variant.parse(spec)
        name, _, scale = spec.partition("/")
        codecs[spec] = {
            "title": variant.title if variant else spec, "family": "tadm" if variant else name,
            "scale": variant.scale if variant else int(scale or 1),
        }  # fmt: skip
    lines = [
        {"codec": s, "target": target, "n": n, "of": 2, "bpp": 0.9 * target, "metrics": m} for s, m in specs.items()
    ]
    metrics = {name: {**m.to_dict(), "state": "ok" if m.source == "bench" else "no weights"} for name, m in ALL.items()}
    return {"codecs": codecs, "summary": lines, "metrics": metrics, "photos": {"images": [1, 2]}}


@pytest.mark.slow
def test_rd_curves_as_svg_and_png(record: dict[str, Any], tmp_path: Path) -> None:
    names = curves.in_order(record)
    assert names[-2:] == ["tadm/4:r0", "tadm/4:r1"]
    svg, png = save(curves.draw_curves(record, curves.RD_METRICS, names), tmp_path, "rd")
    said = texts(svg)
    for words in ("PSNR (RGB), dB", "MS-SSIM (Y)", "Texture", "Patch FD", "JPEG at 1/2", "tadmc 4x AV1, realism 0"):
        assert words in said
    assert "LPIPS" not in said
    assert png.read_bytes()[:4] == b"\x89PNG"
    first = svg.read_bytes()
    save(curves.draw_curves(record, curves.RD_METRICS, names), tmp_path, "rd")
    assert svg.read_bytes() == first
    assert curves.against_jpeg(record) == ["jpeg/2", "tadm/4:r0", "tadm/4:r1"]


def test_points_of_partial_means_are_kept_apart() -> None:
    record = record_of({"avif": {"psnr": 27.0}}, n=1)
    assert curves.points(record, "avif", "psnr") == [curves.Point(bpp=0.045000000000000005, value=27.0, n=1, of=2)]
    figure = curves.draw_curves(record, ("psnr",), ["avif"])
    line, hollow = figure.axes[0].lines
    assert (np.size(line.get_xdata()), np.size(hollow.get_xdata()), hollow.get_markerfacecolor()) == (0, 1, "none")


def test_a_codec_without_a_curve_is_drawn_when_named_or_alone() -> None:
    record = record_of({"avif": {"psnr": 27.0}, "tadm/4:r0": {"psnr": 25.0}, "png/32": {"psnr": 20.0}})
    assert curves.in_order(record) == ["avif", "png/32", "tadm/4:r0"]
    record["summary"] += [{**line, "target": 0.1, "bpp": 0.09} for line in record["summary"][:2]]
    assert curves.in_order(record) == ["avif", "tadm/4:r0"]
    assert curves.in_order(record, ("png/32",)) == ["png/32"]
    with pytest.raises(BenchError, match="have no webp, but avif, png/32"):
        curves.in_order(record, ("png/32", "webp"))


def test_looks_differ() -> None:
    seen = {look(*a) for a in (("avif", "avif", 1), ("avif/2", "avif", 2), ("avif/4", "avif", 4), ("jpeg", "jpeg", 1))}
    seen |= {look(f"tadm/{s}:r{r}", "tadm", s) for s in (4, 16) for r in (0, 1)}
    seen |= {look(f"avif/4+{network}", network, 4) for network in NETWORKS}
    assert len(seen) == 12


@pytest.mark.slow
def test_fixed_timesteps_and_plane(tmp_path: Path) -> None:
    wanted = runs.fixed_timesteps(4, 0.05)
    assert wanted.specs[0] == "tadm/4:r1:t1"
    assert wanted.specs[-2:] == ("tadm/4:r1", "tadm/4:r0")
    figures = {
        s: {"psnr": 25 - 0.1 * i, "texture": 0.2 - 0.01 * i, "patch_fd": 20.0 - i} for i, s in enumerate(wanted.specs)
    }
    svg, _ = save(dial.draw_fixed_timesteps(record_of(figures)), tmp_path, "fig7")
    assert "t=150" in texts(svg)
    assert "predicted timesteps" in texts(svg)
    for i, spec in enumerate(wanted.specs[:3]):  # points that lie on one another share a label
        figures[spec] = {"psnr": 26 - 0.001 * i, "texture": 0.3 - 0.001 * i, "patch_fd": 30 - 0.1 * i}
    svg, _ = save(dial.draw_fixed_timesteps(record_of(figures)), tmp_path, "fig7")
    assert "t=1-50" in texts(svg)
    assert "t=25" not in texts(svg)
    along = {
        s: {"psnr": 25.0 - i, "ms_ssim": 0.9, "texture": 0.2 - 0.02 * i}
        for i, s in enumerate(runs.dial(4, (0.05,)).specs)
    }
    record = record_of(along)
    svg, _ = save(dial.draw_plane(record), tmp_path, "plane")
    assert "0.05 bpp" in texts(svg)
    header, rows = dial.plane_rows(record)
    assert [row[header.index("realism")] for row in rows] == ["0", "0.25", "0.5", "0.75", "1"]
    assert [row[header.index("PSNR (RGB)")] for row in rows] == ["25.00", "24.00", "23.00", "22.00", "21.00"]
    with pytest.raises(BenchError, match="no perceptual measure"):
        dial.draw_plane(record_of({"tadm/4:r0": {"psnr": 20.0}}))
    with pytest.raises(BenchError, match="variants of ours only"):
        dial.draw_plane(record_of({"avif": {"psnr": 20.0, "texture": 0.1, "ms_ssim": 0.5}}))


def test_rescaler_parts(tmp_path: Path, tiny_package: Path) -> None:
    wanted = runs.rescaler_parts(CodecOptions(model=str(tiny_package)))
    assert wanted.specs[:3] == ("png/4", "tadm/4-png:z", "tadm/4-png:r0")
    record = record_of({s: {"psnr": 20.0 + i, "ms_ssim": 0.8 + 0.01 * i} for i, s in enumerate(wanted.specs[:3])})
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps({"step": s, "scale": 4, "psnr_z_hat": 20 + s}) + "\n" for s in (1, 2)))
    svg, _ = save(rescaler.draw_parts(record, {"with INN": log}, ()), tmp_path, "fig6")
    assert "with INN, 4x" in texts(svg)
    assert "22.00" in texts(svg)
    with pytest.raises(BenchError, match="no line has 'loss'"):
        rescaler.draw_parts(record, {"with INN": log}, ("loss",))


def test_diffusion_error_of_known_timesteps() -> None:
    t, curve = timesteps.diffusion_error(0.25)
    assert (len(t), curve[0]) == (1001, 0)
    assert np.all(np.diff(curve) > 0)
    # at the end almost nothing is left of the signal: its energy and that of the noise
    assert curve[-1] == pytest.approx(0.25 + 1, abs=0.05)
    assert timesteps.equal_timestep(curve[137], 0.25) == pytest.approx(137)


class Here(Decoder):
    """Decodes in this process: the other one is tested where it matters, and costs seconds to start."""

    def decode(self, spec: str, file: Path, expected: Expected) -> Read:
        decoded = make(spec, self._options).decode(file.read_bytes(), expected)
        return Read(decoded.pixels, 0.0, file.stat().st_size, decoded.timesteps)


@pytest.mark.slow
def test_rescaling_errors_and_map(run: Plan, tmp_path: Path, photos_folder: Path) -> None:
    photo = read_photo(photos_folder / "one.png")
    decoder = Here(run.options, 1, tmp_path)
    data = timesteps.rescaling_errors(run, [photo], {"tadm/4-png": 100, "tadm/4": 30}, decoder)
    read = timesteps.decode_variant(run, Variant(scale=4), photo, 30, decoder)
    exact, coded = data["scales"]
    assert (exact["label"], coded["label"]) == ("4x PNG", "4x AV1 q30")
    assert min(exact["error"], coded["error"]) > 0
    assert exact["tiles"] != coded["tiles"]
    assert len(exact["tiles"]) == len(exact["timesteps"]) == 2 * 3
    latent = photo.pixels / 127.5 - 1
    assert data["energy"] == pytest.approx(np.square(latent).mean())
    svg, _ = save(timesteps.draw_errors(data), tmp_path, "fig3")
    assert "4x PNG: t = " in texts(svg)
    svg, _ = save(timesteps.draw_map(photo.pixels, read["pixels"], read["timesteps"], "here"), tmp_path, "fig8")
    assert "predicted timesteps" in texts(svg)
    timesteps.save_map_data(tmp_path / "t.csv", read["timesteps"])
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 3


def test_tables(tmp_path: Path, photos_folder: Path) -> None:
    record = record_of({"png/16": {"psnr": 20.0}, "tadm/16-png:r1": {"psnr": 21.5, "texture": 0.25}})
    header, rows = tables.comparison(record)
    assert rows[1][header.index("PSNR (RGB)")] == "21.50"
    assert rows[0][header.index("DISTS")] == "no weights"
    markdown, comma = tables.write((header, rows), tmp_path, "tab1", "Caption.")
    assert markdown.read_text().startswith("Caption.\n\n| codec | bpp |")
    assert len(comma.read_text().splitlines()) == 3
    latent = {"exact one": tables.space_to_depth([read_photo(p) for p in sorted(photos_folder.iterdir())])}
    _, rows = tables.upper_bound(record_of({"png/4": {"psnr": 24.0}}), latent)
    assert rows[0][:3] == ["exact one", "exact", "exact"]
    assert rows[1][1] == "24.00"


def test_sheet_and_its_crop() -> None:
    pixels = np.zeros((100, 120, 3), np.uint8)
    pixels[60:80, 70:100] = np.random.default_rng(0).integers(0, 255, (20, 30, 3))
    x, y, width, height = detailed_crop(pixels, 32, 24)
    assert (width, height) == (32, 24)
    assert 66 <= x <= 72
    assert 54 <= y <= 62
    assert detailed_crop(pixels, 500, 500) == (0, 0, 120, 100)
    page = sheet([Cell(f"cell {i}", "detail", pixels) for i in range(3)], 2)
    assert page.size == (2 * 126 + 6, 2 * 142 + 6)
