"""Write the networks of the released models for browsers: `python tools/make_web_models.py [FOLDER]`.

FOLDER (default `web/public/models`) gets the graphs and `manifest.json`, see `codec.viewer.models`. With
`--package PATH` those of other packages.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from codec.models.package import Package, open_package
from codec.models.store import released
from codec.viewer.models import drawn_for_browsers

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Write the networks of the released models for browsers.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "web" / "public" / "models")
    parser.add_argument("--package", type=Path, action="append", help="a package instead of the released ones")
    given = parser.parse_args()
    write([open_package(path) for path in given.package] if given.package else released(), given.folder)
    graphs = list(given.folder.glob("*.onnx"))
    print(f"{given.folder}: {len(graphs)} graphs, {sum(path.stat().st_size for path in graphs)} bytes")


def write(packages: list[Package], folder: Path) -> None:
    """Graphs and manifest of every compact package; what else was there goes."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("*.onnx"), *folder.glob("manifest.json")]:
        old.unlink()
    manifest, graphs = drawn_for_browsers(packages)
    for name, data in graphs.items():
        (folder / name).write_bytes(data)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
