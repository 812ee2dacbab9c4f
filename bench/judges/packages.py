"""Files inside packages of which only the weights are used."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def package_file(package: str, *parts: str) -> Path:
    """A file of an installed package, without importing it.

    Raises:
        ImportError: the package or the file is not here.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"{package} is not installed")
    path = Path(spec.submodule_search_locations[0]).joinpath(*parts)
    if not path.is_file():
        raise ImportError(f"{package} has no {'/'.join(parts)}")
    return path
