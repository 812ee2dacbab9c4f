"""How the LR picture may be coded: the numbers of the format, and what options call them."""

from __future__ import annotations

from enum import IntEnum

FIRST_LOSSY = 8


class Coding(IntEnum):
    """A payload coding that this version knows.

    Numbers below 8 are lossless codings. The others store a quality byte, so that a reader can find its way through the
    header of a coding that it does not know.
    """

    PNG = 0
    WEBP = 1
    JXL = 2
    AV1 = 8

    @property
    def label(self) -> str:
        """What users call it: "png", "av1", ..."""
        return self.name.lower()

    @property
    def optional(self) -> bool:
        """Whether readers may lack it."""
        return self is Coding.JXL

    @classmethod
    def labelled(cls, label: str) -> Coding:
        """The coding that users call so; a `KeyError` if there is none."""
        return {coding.label: coding for coding in cls}[label]


#: Numbers that later versions are expected to use, by what they are reserved for.
RESERVED = {9: "av2"}
#: What users may ask for, the default first.
PAYLOADS = ("av1", "png", "webp", "jxl")
LOSSLESS_PAYLOADS = tuple(label for label in PAYLOADS if Coding.labelled(label) < FIRST_LOSSY)


def is_lossless(number: int) -> bool:
    """Whether a coding, known or not, gives back the LR as it was."""
    return number < FIRST_LOSSY


def label_of(number: int) -> str:
    """What a coding is called, known or not."""
    try:
        return Coding(number).label
    except ValueError:
        return RESERVED.get(number, f"coding-{number}")
