"""Lossless PNG: with downscaling, what the papers' LR gives when it is only enlarged."""

from __future__ import annotations

from typing import Any

from bench.codecs.pillow import PillowCodec


class Png(PillowCodec):
    """PNG through Pillow, optimised; one setting."""

    name = "png"
    title = "PNG"
    family = "png"
    suffix = ".png"
    format = "PNG"
    settings = (100,)

    def parameters(self, setting: int) -> dict[str, Any]:
        return {"optimize": True}
