"""Comparisons that are always the same: which codecs, at which rates, under which protocol."""

from __future__ import annotations

from dataclasses import dataclass

from bench.codecs.upscaled import NETWORKS
from bench.rates import TARGETS, Protocol


@dataclass(frozen=True)
class Suite:
    """What `python -m bench run --suite` takes in place of single options.

    Attributes:
        specs: codecs; under the protocol `first` the first of them sets the bytes of all.
        protocol: how rates are matched.
        targets: bpp.
    """

    specs: tuple[str, ...]
    protocol: Protocol
    targets: tuple[float, ...]


SUITES = {
    # What somebody with a photograph and so many bytes could do instead of using tadmc.
    "user": Suite(
        ("tadm/auto", "tadm/auto:r0", "jpeg", "jpeg/4", "avif", "avif/2", "avif/4", *(f"avif/4+{n}" for n in NETWORKS)),
        "first", TARGETS["first"],
    ),
}  # fmt: skip
