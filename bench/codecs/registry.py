"""From the name of a codec to the codec, and the set that a run takes when none is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from bench.codecs.avif import Avif
from bench.codecs.base import Codec, CodecOptions
from bench.codecs.downscaled import Downscaled
from bench.codecs.folder import Folder
from bench.codecs.heic import Heic
from bench.codecs.jpeg import Jpeg
from bench.codecs.jxl import JpegXl
from bench.codecs.png import Png
from bench.codecs.tadm import DEFAULT_PAYLOAD, Tadm, Variant, scales
from bench.codecs.upscaled import FACTOR, NETWORKS, Upscaled
from bench.codecs.vvc import Vvc
from bench.codecs.webp import WebP
from bench.errors import BenchError, MissingError
from codec.codings import PAYLOADS

_PEERS: dict[str, Callable[[], Codec]] = {
    "jpeg": Jpeg, "webp": WebP, "avif": Avif, "jxl": JpegXl, "heic": Heic, "vvc": Vvc, "png": Png,
}  # fmt: skip
#: What people really use, with the downscaling that helps each of them at low rates.
STANDARD_PEERS = (
    "jpeg", "jpeg/2", "jpeg/4", "webp", "webp/2", "webp/4", "avif", "avif/2", "avif/4", "jxl", "jxl/2", "jxl/4",
    "heic", "heic/2", "heic/4", "vvc",
)  # fmt: skip
QUICK_PEERS = ("jpeg/4", "webp/2", "avif", "avif/4")
ENDS_OF_DIAL = (0.0, 1.0)
HELP = (
    "NAME or NAME/SCALE with NAME one of jpeg, webp, avif, jxl, heic, vvc, png; NAME/4+UPSCALER with UPSCALER one "
    f"of {', '.join(NETWORKS)}; tadm/SCALE[-PAYLOAD]:rREALISM, e.g. "
    "tadm/4:r0 or tadm/16-png:r1, with :tTIMESTEP behind it for one timestep everywhere, or :z instead of :rREALISM "
    "for the rescaler without denoising; folder:NAME=PATH."
)

_PEER = re.compile(r"(?P<name>[a-z]+)(/(?P<scale>[2-9]|[1-9]\d)(\+(?P<upscaler>[a-z]+))?)?")


def make(spec: str, options: CodecOptions) -> Codec:
    """The codec of a name.

    Args:
        spec: see `HELP`.
        options: model and device of ours.

    Raises:
        BenchError: there is no such name.
        MissingError: its package or tool is not here.
    """
    if spec.startswith("folder:") and "=" in spec:
        name, _, path = spec.removeprefix("folder:").partition("=")
        return Folder(name, Path(path))
    ours = Variant.parse(spec)
    if ours is not None:
        return Tadm(ours, options)
    peer = _PEER.fullmatch(spec)
    if peer and peer["name"] in _PEERS:
        inner = _PEERS[peer["name"]]()
        if peer["upscaler"] and peer["upscaler"] in NETWORKS and int(peer["scale"]) == FACTOR:
            return Upscaled(inner, peer["upscaler"])
        if peer["upscaler"]:
            raise BenchError(f"codec {spec!r} is not known: {HELP}")
        return Downscaled(inner, int(peer["scale"])) if peer["scale"] else inner
    raise BenchError(f"codec {spec!r} is not known: {HELP}")


def available(specs: list[str], options: CodecOptions) -> tuple[dict[str, Codec], dict[str, str]]:
    """Codecs that can run here by spec, and for the others the line that says how to get them."""
    codecs, skipped = {}, {}
    for spec in specs:
        try:
            codecs[spec] = make(spec, options)
        except MissingError as exc:
            skipped[spec] = str(exc)
    return codecs, skipped


def standard(options: CodecOptions, *, quick: bool = False) -> list[str]:
    """Specs of a run that names none: the peers, and ours at every scale, payload and both ends of the dial."""
    known = scales(options.model)
    payloads = sorted(PAYLOADS, key=lambda name: name != DEFAULT_PAYLOAD)
    ours = [
        str(Variant(scale=scale, payload=payload, realism=realism))
        for scale in (known[:1] if quick else known)
        for payload in (payloads[:1] if quick else payloads)
        for realism in ENDS_OF_DIAL
    ]
    return [*(QUICK_PEERS if quick else STANDARD_PEERS), *ours]
