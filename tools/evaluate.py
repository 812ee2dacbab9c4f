"""Whole files, decoded in new processes, on the quality panel.

    python tools/evaluate.py PHOTOS OUT --panel PANEL.py [--scale 4] [--payload av1] [--quality 38]
        [--realism 0 --realism 1] [--decode-option=--no-denoise] [--limit 12] [--model FOLDER]

Writes OUT/files/*.tadm, OUT/<name of decode>/*.png, OUT/panel.json and one line a decode.
PANEL.py is a script with the interface of the neutral panel: REFERENCE_DIR DECODED_DIR --files DIR --json FILE.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click

_FOLDER = click.Path(path_type=Path, file_okay=False)


def run(*arguments: str) -> None:
    """One command of the codec, in a process of its own."""
    subprocess.run([sys.executable, "-m", "codec", *arguments, "-q", "-f"], check=True)


def panel(script: Path, reference: Path, decoded: Path, files: Path, out: Path) -> dict[str, float]:
    """Run the panel script and return its means."""
    subprocess.run([sys.executable, script, reference, decoded, "--files", files, "--json", out], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    mean: dict[str, float] = json.loads(out.read_text())["mean"]
    return mean


@click.command()
@click.argument("photos", type=_FOLDER)
@click.argument("out", type=_FOLDER)
@click.option("--panel", "script", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--scale", default=4)
@click.option("--payload", default="av1")
@click.option("--quality", type=int)
@click.option("--realism", type=float, multiple=True, default=(0.0, 1.0))
@click.option(
    "--decode-option", "extra", multiple=True, help="Passed to `tadmc decode`, e.g. --decode-option=--no-denoise"
)
@click.option("--limit", type=int, help="The first so many photographs by name.")
@click.option("--model", help="Model package folder; default: the shipped one.")
def main(
    photos: Path, out: Path, script: Path, scale: int, payload: str, quality: int | None, realism: tuple[float, ...],
    extra: tuple[str, ...], limit: int | None, model: str | None,
) -> None:  # fmt: skip
    """Encode PHOTOS (PNG), decode at each realism, measure."""
    sources = sorted(photos.glob("*.png"))[:limit]
    reference, files = out / "reference", out / "files"
    for folder in (reference, files):
        folder.mkdir(parents=True, exist_ok=True)
    coding = [
        "--scale",
        str(scale),
        "--payload",
        payload,
        *(["--quality", str(quality)] if quality is not None else []),
    ]
    named = ["--model", model] if model else []
    for source in sources:
        link = reference / source.name
        if not link.exists():
            link.symlink_to(source.resolve())
        run("encode", str(source), str(files / f"{source.stem}.tadm"), *coding, *named)
    results = {}
    for value in realism:
        name = f"r{value:g}" + "".join(extra)
        decoded = out / name
        decoded.mkdir(exist_ok=True)
        for source in sources:
            target = decoded / source.name
            run("decode", str(files / f"{source.stem}.tadm"), str(target), "--realism", str(value), *extra, *named)
        results[name] = panel(script, reference, decoded, files, out / f"panel-{name}.json")
        line = " ".join(f"{k} {v:.4f}" for k, v in results[name].items())
        click.echo(f"scale {scale} {payload} quality {quality} {name}: {line}")
    (out / "panel.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
