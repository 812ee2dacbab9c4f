"""AVIF as Pillow's users get it, with the tuning that reaches low rates."""

from __future__ import annotations

from typing import Any, ClassVar

from PIL import AvifImagePlugin

from bench.codecs.pillow import PillowCodec


class Avif(PillowCodec):
    """libaom through libavif and Pillow: 4:2:0, tune=ssim, speed 4, quality 0..100.

    Pillow's default tune cannot go below 0.064 bpp on average on Kodak. One thread and no automatic tiling: libavif
    chooses tiles by the number of threads, and a file must not depend on the machine.
    """

    name = "avif"
    title = "AVIF"
    family = "avif"
    suffix = ".avif"
    format = "AVIF"
    feature: ClassVar[str | None] = "avif"
    settings = tuple(range(101))

    def version(self) -> str:
        return f"{super().version()}, aom {AvifImagePlugin.get_codec_version('aom')}"

    def parameters(self, setting: int) -> dict[str, Any]:
        return {
            "quality": setting, "speed": 4, "codec": "aom", "subsampling": "4:2:0", "max_threads": 1,
            "autotiling": False, "advanced": {"tune": "ssim"},
        }  # fmt: skip
