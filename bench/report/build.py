"""What a report shows, as one JSON object, and the HTML file around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.bd import bd_table, metrics_of
from bench.codecs.tadm import Variant
from bench.errors import CodecError
from bench.figures.curves import in_order
from bench.figures.runs import DIAL
from bench.figures.sheet import detailed_crop
from bench.figures.style import look
from bench.metrics.panel import Prepared, measure, prepare
from bench.report.pictures import Gallery, Store
from bench.summary import is_ours, wins

_HERE = Path(__file__).parent
_SCRIPTS = ("page.js", "curves.js", "tables.js", "viewer.js", "main.js")
#: Rates and photographs that the viewer shows unless told otherwise.
VIEWER_TARGETS, VIEWER_IMAGES = (0.03, 0.05, 0.1), 3
#: The viewer shows a crop of larger photographs, at full resolution.
CROP_WIDTH, CROP_HEIGHT = 1024, 768
Progress = Callable[[int, int, str], None]


def build(
    gallery: Gallery, images: list[str], targets: list[float], *, lossless: bool = False,
    dial: tuple[float, ...] = DIAL, progress: Progress = lambda *_: None,
) -> str:  # fmt: skip
    """The HTML of a report.

    Args:
        gallery: the run and its pictures.
        images: photographs for the viewer.
        targets: rates for the viewer.
        lossless: embed pictures without loss (several times larger).
        dial: realisms to decode ours at.
        progress: told after every picture pair.
    """
    store = Store(lossless=lossless)
    viewer = []
    for i, image in enumerate(images):
        viewer.append(_image(gallery, store, image, targets, dial))
        progress(i + 1, len(images), image)
    data = {
        **tables(gallery.record),
        "viewer": viewer,
        "dial": list(dial),
        "pictures": store.uris,
        "lossless": lossless,
    }
    data["skipped"] |= gallery.skipped
    return page(data)


def tables(record: dict[str, Any]) -> dict[str, Any]:
    """Everything of a report but its pictures."""
    having = {line["codec"] for line in record["summary"]}
    drawn = in_order(record)
    codecs = {}
    for name, about in record["codecs"].items():
        style = look(name, about["family"], about["scale"])
        codecs[name] = {
            **about, "ours": is_ours(name), "shown": name in having, "drawn": name in drawn, "colour": style.colour,
            "dashes": style.dashes, "width": style.width,
        }  # fmt: skip
    metrics = [m for m in record["metrics"] if any(m in line["metrics"] for line in record["summary"])]
    bd_metrics = metrics_of(record["rows"])
    return {
        "photos": record["photos"]["folder"], "images": len(record["photos"]["images"]), "protocol": record["protocol"],
        "codecs": codecs, "metrics": record["metrics"], "shown_metrics": metrics, "summary": record["summary"],
        "bd_metrics": bd_metrics,
        "bd": {anchor: bd_table(record["rows"], anchor, bd_metrics) for anchor in codecs if anchor in having},
        "wins": wins(record["summary"], metrics), "skipped": record["skipped"], "environments": record["environments"],
        "unreached": _unreached(record),
    }  # fmt: skip


def page(data: dict[str, Any]) -> str:
    """One HTML file around the data: style, scripts and pictures inside, nothing fetched."""
    # "</" would end the script element that holds the data
    text = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    html = (_HERE / "template.html").read_text()
    parts = {
        "STYLE": (_HERE / "report.css").read_text(),
        "SCRIPT": "\n".join((_HERE / name).read_text() for name in _SCRIPTS),
        "DATA": text,
    }
    for name, part in parts.items():
        html = html.replace(f"@@{name}@@", part)
    return html


def default_targets(record: dict[str, Any]) -> list[float]:
    """Rates of the run that are nearest to the usual three, each once."""
    known = record["protocol"]["targets"]
    return sorted({min(known, key=lambda t: abs(t - wanted)) for wanted in VIEWER_TARGETS})


def _image(gallery: Gallery, store: Store, image: str, targets: list[float], dial: tuple[float, ...]) -> dict[str, Any]:
    """One photograph of the viewer with every codec at every rate."""
    pixels = gallery.original(image)
    box = detailed_crop(pixels, CROP_WIDTH, CROP_HEIGHT)
    original = prepare(pixels)
    return {
        "name": image, "width": box[2], "height": box[3], "x": box[0], "y": box[1],
        "full": [pixels.shape[1], pixels.shape[0]], "original": store.add(_cut(pixels, box)),
        "rates": [
            {"target": target, "entries": _entries(gallery, store, gallery.rows(image, target), original, box, dial)}
            for target in targets
        ],
    }  # fmt: skip


def _entries(
    gallery: Gallery, store: Store, rows: list[dict[str, Any]], original: Prepared, box: tuple[int, int, int, int],
    dial: tuple[float, ...],
) -> list[dict[str, Any]]:  # fmt: skip
    """Pictures of one photograph at one rate: peers once, ours once a file with the whole dial."""
    entries: dict[str, dict[str, Any]] = {}
    for row in rows:
        variant = Variant.parse(row["codec"])
        name = row["codec"] if variant is None else variant.encoder
        if name in entries or name in gallery.skipped:
            continue
        try:
            if variant is None:
                shown = {"title": gallery.title(name), "metrics": row["metrics"],
                         "picture": store.add(_cut(gallery.decoded(row), box))}  # fmt: skip
            else:
                shown = {"title": f"tadmc {variant.scale}x {variant.payload.upper()}",
                         **_ours(gallery, store, row, original, box, dial)}  # fmt: skip
        except CodecError as exc:
            gallery.skipped[name] = f"{name}: not in the viewer ({exc})"
            continue
        entries[name] = {"codec": name, "bytes": row["bytes"], "bpp": row["bpp"], **shown}
    return list(entries.values())


def _ours(
    gallery: Gallery, store: Store, row: dict[str, Any], original: Prepared, box: tuple[int, int, int, int],
    dial: tuple[float, ...],
) -> dict[str, Any]:  # fmt: skip
    """One file of ours: decoded along the dial, its LR, its timesteps."""
    steps, timesteps = [], None
    for realism in dial:
        read = gallery.dialled(row, realism)
        timesteps = read.timesteps
        values = {k: round(v, 5) for k, v in measure(original, prepare(read.pixels)).items()}
        steps.append({"realism": realism, "picture": store.add(_cut(read.pixels, box)), "metrics": values})
    lr = gallery.thumbnail(row)
    return {"dial": steps, "lr": store.add_small(lr), "lr_size": list(lr.size), "timesteps": timesteps}


def _cut(pixels: Any, box: tuple[int, int, int, int]) -> Any:  # noqa: ANN401 - an array stays what it is
    x, y, width, height = box
    return pixels[y : y + height, x : x + width]


def _unreached(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Per codec and target, how many photographs it could not reach and one reason."""
    groups: dict[tuple[str, float], list[str]] = {}
    for entry in record["unreached"]:
        for target in entry["targets"]:
            groups.setdefault((entry["codec"], target), []).append(entry["reason"])
    return [{"codec": c, "target": t, "n": len(r), "reason": r[0]} for (c, t), r in sorted(groups.items())]
