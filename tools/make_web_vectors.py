"""Write what the reader in `web/` is compared with: `python -m tools.make_web_vectors [FOLDER]`.

FOLDER (default `web/tests/vectors`) gets the sample as the CPU engine decodes it at three realisms, and under `second/`
a tiny random package of architecture compact-2 for browsers, with files of two scales and what they decode to: one of
them in several slabs with a timestep map of its own. `exchanged.tadm` has an ICC profile by which red is blue.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms

import codec
from codec.container.reader import read
from codec.container.writer import write as written
from codec.geometry import Size, slab_boxes
from codec.lr import StoredLr
from codec.models.compact.package import save_package
from codec.models.compact.v2.config import CompactConfig
from codec.models.compact.v2.model import CompactModel
from codec.models.package import open_package
from codec.payload.registry import payload_for
from tools.make_web_models import write

ROOT = Path(__file__).resolve().parent.parent
DIAL = (0.0, 0.5, 1.0)
SCALES = (2, 8)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Write what the reader in web/ is compared with.")
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "web" / "tests" / "vectors")
    folder: Path = parser.parse_args().folder
    second = folder / "second"
    second.mkdir(parents=True, exist_ok=True)
    for realism in DIAL:
        codec.decode(ROOT / "examples" / "sample.tadm", realism=realism).save(folder / f"sample-r{realism:g}.png")
    with Image.open(ROOT / "examples" / "kodim21.png") as image:
        small = image.convert("RGB").crop((400, 150, 560, 250))
    small.info["icc_profile"] = exchanged()
    (folder / "exchanged.tadm").write_bytes(codec.encode(small, scale=4, payload="png", effort="fast"))
    package = folder / "tiny-compact-2"
    save_package(tiny(), package)
    write([open_package(package)], second / "models")
    with Image.open(ROOT / "examples" / "kodim21.png") as image:
        crop = np.array(image.convert("RGB").crop((300, 200, 530, 371)))
    for scale in SCALES:
        data = codec.encode(crop, scale=scale, quality=60, effort="fast", model=str(package))
        path = second / f"scale{scale}.tadm"
        path.write_bytes(cut(data) if scale == SCALES[0] else data)
        for realism in DIAL:
            codec.decode(path, realism=realism, model=str(package)).save(second / f"scale{scale}-r{realism:g}.png")


def exchanged() -> bytes:
    """An ICC profile of sRGB in which red and blue stand for one another."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    table = 128 + 4 + 12 * int.from_bytes(profile[128:132], "big")
    names = profile[:table].replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    return names + profile[table:]


def tiny() -> CompactModel:
    """Every part at every scale of `SCALES`, random weights that all have an effect."""
    torch.manual_seed(0)
    config = CompactConfig(
        scales=SCALES, denoisers=SCALES, shading=0.75, width=8, deep_width=16, blocks=(1, 2, 1), climb_blocks=1,
        denoiser_width=12, denoiser_blocks=1, shallow=(),
    )  # fmt: skip
    model = CompactModel(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.5 * parameter[0].numel() ** -0.5)
    return model


def cut(data: bytes) -> bytes:
    """The same picture in several slabs, with timesteps of its own."""
    file = read(data)
    lr, payload = StoredLr(file).whole(), payload_for(file.header.coding)
    slab = Size(48, 40)
    boxes = slab_boxes(Size(lr.shape[1], lr.shape[0]), slab)
    parts = [np.ascontiguousarray(lr[b.y : b.y + b.height, b.x : b.x + b.width]) for b in boxes]
    size = file.header.size
    tiles = -(-size.width // 64) * -(-size.height // 64)
    return written(
        replace(
            file, slab=slab, payloads=[payload.encode(p, quality=file.header.quality) for p in parts],
            payload_bytes=-1, timesteps=bytes(range(0, 12 * tiles, 12)),
        )
    )  # fmt: skip


if __name__ == "__main__":
    main()
