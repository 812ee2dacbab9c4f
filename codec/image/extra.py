"""Packages that only very large pictures need."""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

from codec.errors import UnsupportedError


def has_extra(name: str) -> bool:
    """Whether a package is installed, without loading it."""
    return importlib.util.find_spec(name) is not None


def extra(name: str) -> ModuleType:
    """A package of the extra `large`.

    Raises:
        UnsupportedError: it is not installed, or cannot be loaded.
    """
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as exc:
        raise UnsupportedError(f"large pictures need the package {name}: pip install 'tadmc[large]' ({exc})") from exc
