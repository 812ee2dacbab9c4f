"""What an encode will do, with nothing left open."""

from __future__ import annotations

from dataclasses import dataclass, replace

from codec.codings import Coding
from codec.models.package import Package
from codec.options import EncodeOptions

LOSSLESS = 100


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options resolved for one model package.

    Attributes:
        package: that the file is written for.
        scale: HR/LR ratio.
        coding: of the payload.
        quality: 0..99, 100 = lossless.
        effort: "fast", "default" or "best".
        chroma: "auto", "420" or "444".
    """

    package: Package
    scale: int
    coding: Coding
    quality: int
    effort: str
    chroma: str

    @classmethod
    def of(cls, options: EncodeOptions, package: Package) -> Settings:
        """Resolve options without a target by the family's defaults.

        Raises:
            InputError: an option has no meaning for this package.
        """
        chosen = package.family.settle(package.config, options)
        assert chosen.scale is not None
        assert chosen.payload is not None
        return cls(
            package=package, scale=chosen.scale, coding=Coding.labelled(chosen.payload),
            quality=LOSSLESS if chosen.quality is None else chosen.quality, effort=chosen.effort, chroma=chosen.chroma,
        )  # fmt: skip

    @property
    def lossless(self) -> bool:
        """Whether the payload keeps every bit of the LR."""
        return self.quality == LOSSLESS

    def named(self, options: EncodeOptions) -> EncodeOptions:
        """The options that give the same bytes again: these settings in place of the open ones and of the target."""
        return replace(
            options, bpp=None, max_bytes=None, scale=self.scale, payload=self.coding.label,
            quality=None if self.lossless else self.quality, effort=self.effort,
            chroma="auto" if self.lossless else self.chroma,
        )  # fmt: skip
