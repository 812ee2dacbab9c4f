"""Results files: made from a run's journal, checked against `schema.json`, read back, exported as CSV."""

from __future__ import annotations

import csv
import io
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np

from bench.codecs.base import Expected
from bench.decoding import Decoder
from bench.errors import BenchError, RecordError
from bench.journal import Journal, key_of
from bench.metrics import catalog, external
from bench.metrics.patches import Features
from bench.photos import PixelArray, digest, read_photo
from bench.plan import Plan
from bench.run import Progress, execute, valid_entries
from bench.summary import Row, best_forms, summarise

Record = dict[str, Any]
SCHEMA_VERSION = 1
KINDS = ("run", "speed")
RESULTS, ROWS = "results.json", "rows.csv"
#: Where a row was made, and where measures of others were added to it later.
_ENVIRONMENTS = ("environment", "external_environment")


def measure(plan: Plan, skipped: dict[str, str], jobs: int = 1, progress: Progress = lambda *_: None) -> Record:
    """Do a run, or go on with it, and write its results into its folder; see `bench.run.execute` and `assemble`."""
    results: list[Record] = []

    def finish() -> None:
        results.append(assemble(plan, skipped))
        write(results[0], plan.out / RESULTS)

    execute(plan, jobs, progress, finish)
    return results[0]


def assemble(plan: Plan, skipped: dict[str, str]) -> Record:
    """The results of a run as far as its journal has them.

    Args:
        plan: the run.
        skipped: codecs that could not be run, with the reason.
    """
    entries = Journal(plan.journal).read()
    valid = valid_entries(plan, entries, failures=True)
    rows = sorted((e["row"] for e in valid if "row" in e), key=key_of)
    unreached = sorted((e["unreached"] for e in valid if "unreached" in e), key=key_of)
    used = sorted({r[name] for r in (*rows, *unreached) for name in _ENVIRONMENTS if name in r})
    environments = [e["environment"] for e in entries if "environment" in e]
    kept = [_strip(r, used) for r in rows]
    best = best_forms(kept)
    kept += best
    codecs = {codec.name: dict(codec.describe()) for codec in map(plan.codec, plan.specs)}
    record: Record = {
        "schema": SCHEMA_VERSION,
        "kind": "run",
        "protocol": {"name": plan.protocol, "targets": list(plan.targets)},
        "photos": {"folder": plan.photos[0].absolute().parent.name, "images": [_image(p) for p in plan.photos]},
        "environments": [environments[i] for i in used],
        "codecs": codecs | {row["codec"]: _of_best(codecs, row) for row in best},
        "skipped": skipped,
        "metrics": {
            name: {**m.to_dict(), "state": _state(name, wanted=plan.external)} for name, m in catalog.ALL.items()
        },
        "rows": kept,
        "unreached": joined([_strip(u, used) for u in unreached]),
        "summary": summarise(kept, len(plan.photos), _features_of(plan)),
    }
    if plan.external and external.states()["patch_fid"] == external.READY:
        _add_patch_fid(plan, record)
    return record


def write(record: Record, path: Path) -> None:
    """Write a results file whole or not at all.

    Raises:
        RecordError: it does not follow the schema, which is a bug.
    """
    validate(record)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + f".{os.getpid()}.part")
    part.write_text(dump(record))
    part.replace(path)


def dump(record: Record) -> str:
    """JSON with one line a row, so that a difference between two results files can be read."""
    lines = []
    for name, value in record.items():
        if isinstance(value, list):
            items = ",\n".join("  " + json.dumps(item, separators=(",", ":")) for item in value)
            text = f"[\n{items}\n ]" if value else "[]"
        else:
            text = json.dumps(value, indent=1).replace("\n", "\n ")
        lines.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read(path: Path) -> Record:
    """A results file, or the one in a run folder.

    Raises:
        RecordError: there is none, or it does not follow the schema.
    """
    path = path / RESULTS if path.is_dir() else path
    try:
        record: Record = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise RecordError(f"{path}: not a readable results file ({exc})") from exc
    try:
        validate(record)
    except RecordError as exc:
        raise RecordError(f"{path}: {exc}") from exc
    return record


def validate(record: Record) -> None:
    """Check a record against the schema.

    Raises:
        RecordError: says where it differs.
    """
    kind = record.get("kind")
    if kind not in KINDS:
        raise RecordError(f"$.kind: is {kind!r}, expected one of {', '.join(KINDS)}")
    error = jsonschema.exceptions.best_match(_validator(kind).iter_errors(record))
    if error is not None:
        raise RecordError(f"{error.json_path}: {error.message[:200]}")


def to_csv(record: Record) -> str:
    """Rows of a run as CSV: one line an image, codec and target; missing measures are empty."""
    names = [n for n in record["metrics"] if any(n in row["metrics"] for row in record["rows"])]
    plain = [
        "image",
        "codec",
        "target",
        "setting",
        "bytes",
        "bpp",
        "width",
        "height",
        "encode_seconds",
        "decode_seconds",
    ]
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow([*plain, *names])
    for row in record["rows"]:
        table.writerow([*(row[k] for k in plain), *(row["metrics"].get(n, "") for n in names)])
    return buffer.getvalue()


def joined(unreached: list[Row]) -> list[Row]:
    """One entry for all targets that a codec misses on a photograph for the same reason."""
    targets: dict[tuple[tuple[str, Any], ...], list[float]] = {}
    for entry in unreached:
        about = tuple((k, v) for k, v in entry.items() if k != "target")
        targets.setdefault(about, []).append(entry["target"])
    return [{**dict(about), "targets": sorted(missed)} for about, missed in targets.items()]


@cache
def _validator(kind: str) -> Any:  # noqa: ANN401 - jsonschema has no types
    schema = json.loads((Path(__file__).parent / "schema.json").read_text())
    # of the two kinds only the record's own: an error then says what is wrong, not that neither fits
    return jsonschema.Draft202012Validator({"$defs": schema["$defs"], "$ref": f"#/$defs/{kind}"})


def _strip(row: Row, used: list[int]) -> Row:
    """A journal entry as a results file has it: what is said elsewhere left out, no more digits than mean anything."""
    kept = {k: v for k, v in row.items() if k not in ("protocol", "digest", "version", "without", "limit")}
    kept |= {name: used.index(row[name]) for name in _ENVIRONMENTS if name in row}
    if "metrics" in kept:
        kept["metrics"] = {name: round(value, 5) for name, value in kept["metrics"].items()}
        kept["bpp"] = round(kept["bpp"], 6)
    return kept


def _of_best(codecs: Record, row: Row) -> Record:
    form = codecs[row["form"]]
    title = f"{form['title'].split(' at 1/')[0]}, best of its sizes"
    return {**form, "title": title, "scale": 1, "setting": "size and quality"}


def _image(path: Path) -> dict[str, str | int]:
    photo = read_photo(path)
    return {"name": photo.name, "width": photo.width, "height": photo.height, "digest": digest(photo.pixels)}


def _state(name: str, *, wanted: bool) -> str:
    if name not in {m.name for m in (*catalog.EXTERNAL, *catalog.JUDGES)}:
        return external.READY
    return external.states()[name] if wanted else "not asked for"


def _features_of(plan: Plan) -> Any:  # noqa: ANN401 - a closure over the run folder
    def load(name: str, image: str, setting: int | None) -> Features:
        found: Features = np.load(plan.features(name, image, setting))
        return found

    return load


def _add_patch_fid(plan: Plan, record: Record) -> None:
    """Patch FID needs pixels, which a run does not keep: its files are decoded once more."""
    specs = {plan.codec(spec).name: spec for spec in plan.specs}
    photos = {p.stem: read_photo(p) for p in plan.photos}
    with Decoder(plan.options, plan.threads, plan.scratch / "fid") as decoder:
        for line in record["summary"]:
            if line["codec"] not in specs:  # the best of a codec's forms
                continue
            spec = specs[line["codec"]]
            group = [r for r in record["rows"] if (r["codec"], r["target"]) == (line["codec"], line["target"])]
            decoded: list[PixelArray] = []
            for row in group:
                photo = photos[row["image"]]
                expected = Expected(name=photo.name, width=photo.width, height=photo.height)
                file = plan.coded(plan.codec(spec), photo.name, row["setting"])
                decoded.append(decoder.decode(spec, file, expected).pixels)
            value = external.patch_fid([photos[r["image"]].pixels for r in group], decoded)
            if value is None:
                raise BenchError("patch_fid was ready and gave nothing")
            line["metrics"]["patch_fid"] = value
