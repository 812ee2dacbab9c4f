"""Write the golden rebuilt photographs: what the models in the package make of a crop of the sample, at every scale.

    python tools/make_rebuilt.py

Files are kept, so that those of earlier models go on being tested; a scale of a model that has none yet gets one. The
pictures of every file are made anew: a change of theirs is seen in review, and `format_spec.md` 9.2 allows it no more
than one grey level.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

import codec
from codec.models.store import released

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "examples" / "kodim21.png"
FOLDER = ROOT / "tests" / "golden" / "rebuilt"
#: Part of the sample: sea, rocks, a fence and the foot of the lighthouse; not a multiple of a tile.
BOX = (410, 330, 410 + 150, 330 + 100)
QUALITY = 60
DIAL = (0.0, 0.5, 1.0)


def main() -> None:
    """Write what is missing, and all pictures."""
    FOLDER.mkdir(exist_ok=True)
    with Image.open(SAMPLE) as image:
        crop = np.array(image.convert("RGB").crop(BOX))
    for package in released():
        for scale in package.scales:
            path = FOLDER / f"{package.name}-{scale}.tadm"
            if not path.exists():
                data = codec.encode(crop, scale=scale, quality=QUALITY, effort="fast", model=str(package.folder))
                path.write_bytes(data)
    for path in sorted(FOLDER.glob("*.tadm")):
        for realism in DIAL:
            picture = codec.decode(path, realism=realism)
            picture.save(path.with_name(f"{path.stem}-r{realism:g}.png"), optimize=True)


if __name__ == "__main__":
    main()
