"""Packages that not every installation has, by the extra that brings them."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from codec.errors import UnsupportedError


def has(name: str) -> bool:
    """Whether a package is installed, without loading it."""
    return importlib.util.find_spec(name) is not None


def require(extra: str, what: str, *names: str) -> None:
    """Check that the packages of an extra are here, without loading them.

    Args:
        extra: that brings them.
        what: needs them, for the message: "training".
        names: of the packages.

    Raises:
        UnsupportedError: one is not installed.
    """
    for name in names:
        if not has(name):
            raise UnsupportedError(f"{what} needs the package {name}: pip install 'tadmc[{extra}]'")


def need(name: str, extra: str, what: str) -> ModuleType:
    """A package of an extra.

    Args:
        name: of the package.
        extra: that brings it.
        what: needs it, for the message: "large pictures".

    Raises:
        UnsupportedError: it is not installed, or cannot be loaded.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as exc:
        raise UnsupportedError(f"{what} need the package {name}: pip install 'tadmc[{extra}]' ({exc})") from exc
