"""Every family of models there is. A new one is its own folder, a number in `GridPreset`, and a line here."""

from __future__ import annotations

from codec.errors import ModelError, UnsupportedError
from codec.models.compact.family import COMPACT
from codec.models.family import Family
from codec.models.sd21.family import SD21
from codec.models.tadsr.family import TADSR
from codec.models.tudsr.family import TUDSR

_FAMILIES: list[Family] = [COMPACT, SD21, TADSR, TUDSR]


def families() -> tuple[Family, ...]:
    """All of them."""
    return tuple(_FAMILIES)


def add_family(family: Family) -> None:
    """Let packages and files of one more family be used in this process.

    Raises:
        ModelError: its name or its preset is taken.
    """
    if any(f.name == family.name or f.preset == family.preset for f in _FAMILIES):
        raise ModelError(f"family {family.name!r}, preset {family.preset}: one of them is taken")
    _FAMILIES.append(family)


def remove_family(family: Family) -> None:
    """Undo `add_family`."""
    _FAMILIES.remove(family)


def family_named(name: object, where: str) -> Family:
    """The family of a name in a package's config.

    Raises:
        ModelError: there is none; `where` says whose config it is.
    """
    for family in _FAMILIES:
        if family.name == name:
            return family
    raise ModelError(f"{where}: family is {name!r}, expected one of {', '.join(f.name for f in _FAMILIES)}")


def family_of_preset(preset: int) -> Family:
    """The family that rebuilds files of a tile grid preset.

    Raises:
        UnsupportedError: none of this version does.
    """
    for family in _FAMILIES:
        if family.preset == preset:
            return family
    raise UnsupportedError(f"tile grid preset {preset} is not known to this version: it cannot be rebuilt, only its LR")
