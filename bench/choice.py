"""What the encoder's choice of scale and chroma costs: its regret against trying everything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np

import codec
from bench.figures.tables import Table
from bench.metrics.colour import luma, to_tensor
from bench.metrics.external import measure_external
from bench.metrics.structure import ms_ssim
from bench.photos import list_photos, read_photo
from codec.options import EFFORTS

CHROMA = ("420", "444")
MEASURES = {"ms_ssim": "MS-SSIM", "ssimulacra2": "SSIMULACRA2"}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One file and its picture at realism 0.

    Attributes:
        photo: name of the file.
        megapixels: of it.
        target: bits a pixel asked for.
        way: the effort that chose, or the scale and chroma that were given.
        scale: of the file.
        bpp: of the file.
        seconds: to encode it.
        ms_ssim: of luma.
        ssimulacra2: None where the tool is not here.
    """

    photo: str
    megapixels: float
    target: float
    way: str
    scale: int
    bpp: float
    seconds: float
    ms_ssim: float
    ssimulacra2: float | None


def run(
    photos: Path, targets: tuple[float, ...], engine: codec.Engine, limit: int | None,
    on_done: Callable[[int, int, str], None] = lambda *_: None,
) -> list[Row]:  # fmt: skip
    """Code and rebuild every photograph at every rate in every way.

    Args:
        photos: folder or file.
        targets: bits a pixel.
        engine: with the model to use.
        limit: photographs at most.
        on_done: told after every photograph and rate.
    """
    work = [(path, target) for path in list_photos(photos, limit) for target in targets]
    found: list[Row] = []
    for count, (path, target) in enumerate(work, 1):
        found += _every_way(path, target, engine)
        on_done(count, len(work), path.stem)
    return found


def regret(found: list[Row]) -> Table:
    """A line a rate and effort: mean and worst distance from the best file, and seconds a megapixel."""
    header = ["bpp", "effort", *(f"{t} {what}" for t in MEASURES.values() for what in ("lost, mean", "worst"))]
    lines = []
    for target in sorted({r.target for r in found}):
        for effort in EFFORTS:
            chosen = [r for r in found if (r.target, r.way) == (target, effort)]
            line = [f"{target:g}", effort]
            for name in MEASURES:
                lost = [
                    _best(found, one, name) - getattr(one, name) for one in chosen if getattr(one, name) is not None
                ]
                line += [f"{np.mean(lost):.4f}", f"{np.max(lost):.4f}"] if lost else ["no tool"] * 2
            lines.append([*line, f"{np.mean([r.seconds / r.megapixels for r in chosen]):.2f}"])
    return [*header, "s a megapixel"], lines


def everything(found: list[Row]) -> Table:
    """All rows."""
    names = [f.name for f in fields(Row)]
    return names, [[f"{v:.5g}" if isinstance(v, float) else str(v) for v in asdict(r).values()] for r in found]


def _every_way(path: Path, target: float, engine: codec.Engine) -> Iterator[Row]:
    original = read_photo(path).pixels
    scales = engine.packages()[0].scales
    ways: dict[str, dict[str, object]] = {effort: {"effort": effort} for effort in EFFORTS}
    ways |= {f"{s}/{c}": {"scale": s, "chroma": c} for s in scales for c in CHROMA}
    for way, options in ways.items():
        started = time.monotonic()
        try:
            data = codec.encode(
                original, options=codec.EncodeOptions.from_dict({"bpp": target} | options), engine=engine
            )
        except codec.InputError:  # the scale has no file this small
            continue
        seconds, info = time.monotonic() - started, codec.read_info(data)
        made = np.asarray(codec.decode(data, engine=engine, realism=0))
        similarity = ms_ssim(luma(to_tensor(original)), luma(to_tensor(made)))
        yield Row(
            photo=path.name, megapixels=info.width * info.height / 1e6, target=target, way=way, scale=info.scale,
            bpp=info.bpp, seconds=seconds, ms_ssim=0.0 if similarity is None else similarity,
            ssimulacra2=measure_external(original, made, {"ssimulacra2"}).get("ssimulacra2"),
        )  # fmt: skip


def _best(found: list[Row], one: Row, name: str) -> float:
    same = [getattr(r, name) for r in found if (r.photo, r.target) == (one.photo, one.target)]
    return float(max(v for v in same if v is not None))
