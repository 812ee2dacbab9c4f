"""Write the three files that the viewer in `web/` offers: `python tools/make_web_examples.py [FOLDER]`.

FOLDER (default `web/public/examples`) gets the sample, the same photograph in a quarter of the bytes, and a large
picture to zoom into: a mosaic of it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

import codec

ROOT = Path(__file__).resolve().parent.parent
#: How often the photograph stands beside and below itself in the mosaic, every second one mirrored.
COLUMNS, ROWS = 4, 4


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Write the files that the viewer in web/ offers.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "web" / "public" / "examples")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "examples" / "sample.tadm", folder / "sample.tadm")
    with Image.open(ROOT / "examples" / "kodim21.png") as image:
        photo = np.array(image.convert("RGB"))
    (folder / "tiny.tadm").write_bytes(codec.encode(photo, scale=8, quality=40, effort="fast"))
    (folder / "large.tadm").write_bytes(codec.encode(mosaic(photo), scale=4, quality=48, effort="fast"))
    for path in sorted(folder.glob("*.tadm")):
        print(f"{path}: {path.stat().st_size} bytes")


def mosaic(photo: np.ndarray) -> np.ndarray:
    """A picture beside and below its mirror images, so that no edge is seen."""
    row = np.concatenate([photo if i % 2 == 0 else photo[:, ::-1] for i in range(COLUMNS)], 1)
    return np.concatenate([row if i % 2 == 0 else row[::-1] for i in range(ROWS)], 0)


if __name__ == "__main__":
    main()
