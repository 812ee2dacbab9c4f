"""Where model packages are found: in this distribution, in the user's data folder, and in a folder the user names."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from codec.errors import InputError, ModelError
from codec.models.identity import Package, open_package

_SHIPPED = Path(__file__).resolve().parent.parent / "weights"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: What of a folder belongs to a package.
_FILES = ("*.json", "*.safetensors", "*/*.json", "*/*.safetensors", "README.md", "LICENSE*")


def shipped() -> list[Package]:
    """Packages inside the installed distribution, newest first (their names end in their date)."""
    return _packages_in(_SHIPPED)


def user_folder() -> Path:
    """Where `add` puts packages: the folder that TADMC_MODELS names, else one in the user's data folder."""
    from platformdirs import user_data_path  # takes a while to import, and decoding with a named folder needs it not

    named = os.environ.get("TADMC_MODELS")
    return Path(named) if named else user_data_path("tadmc") / "models"


def installed() -> list[Package]:
    """Packages that the user has added, in order of name."""
    return _packages_in(user_folder())[::-1]


def packages(model: str | os.PathLike[str] | None = None) -> list[Package]:
    """The packages to choose from: the one of the folder or name `model`, or all there are, shipped ones first.

    Raises:
        ModelError: `model` is neither a package folder nor the name of a package.
    """
    if model is None:
        return [*shipped(), *installed()]
    if os.sep in str(model) or Path(model).is_dir():
        return [open_package(Path(model))]
    return [named(str(model))]


def named(name: str) -> Package:
    """The shipped or added package of a name.

    Raises:
        ModelError: there is none.
    """
    found = [*shipped(), *installed()]
    for package in found:
        if package.name == name:
            return package
    raise ModelError(f"no model package {name!r}; there are {_listing(found)}, or name a folder that holds one")


def add(folder: Path, name: str | None = None) -> Package:
    """Copy a package into the user's folder; it is complete there or not there at all.

    Args:
        folder: the package.
        name: how it will be called; None = the folder's name.

    Raises:
        ModelError: not a complete package, or there already is one of that name.
        InputError: the name cannot be a folder's.
    """
    package = open_package(folder)
    for scale in package.scales:
        package.model_id(scale)
    home = new_folder(folder.resolve().name if name is None else name)
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".") as work:
        copy = Path(work) / home.name
        copy.mkdir()
        for pattern in _FILES:
            for file in folder.glob(pattern):
                target = copy / file.relative_to(folder)
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(file, target)
        copy.rename(home)
    return open_package(home)


def new_folder(name: str) -> Path:
    """Where a new package of the user's goes.

    Raises:
        InputError: the name cannot be a folder's.
        ModelError: there already is a package of that name.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"model name is {name!r}, expected letters, digits, dots, dashes and underscores")
    if any(p.name == name for p in [*shipped(), *installed()]):
        raise ModelError(f"there already is a model package {name!r}")
    return user_folder() / name


def remove(name: str) -> None:
    """Delete a package that the user has added.

    Raises:
        ModelError: there is none of that name, or it is part of the distribution.
    """
    if any(p.name == name for p in shipped()):
        raise ModelError(f"model package {name} is part of the installation")
    shutil.rmtree(named(name).folder)


def _packages_in(folder: Path) -> list[Package]:
    found = sorted((p.parent for p in folder.glob("[!.]*/config.json")), key=lambda p: p.name, reverse=True)
    return [open_package(path) for path in found]


def for_encoding(scale: int, model: str | None = None) -> Package:
    """The package whose id a new file gets.

    Args:
        scale: HR/LR ratio.
        model: package folder or name; None = the newest shipped one.

    Raises:
        ModelError: no package has this scale.
    """
    found = packages(model) if model else shipped()
    for package in found:
        if scale in package.scales:
            return package
    raise ModelError(f"no model for scale {scale}; there are {_listing(found)}")


def for_decoding(
    model_id: bytes, scale: int, *, family: str = "compact", model: str | None = None, any_model: bool = False
) -> Package:
    """The package that a file asks for.

    Args:
        model_id: as stored in the file.
        scale: HR/LR ratio of the file.
        family: that decodes the file's tile grid.
        model: package folder or name to use; None = search the shipped and the added ones.
        any_model: accept another model of this family and scale.

    Raises:
        ModelError: no such model here; says which the file needs, which there are, and the way out.
    """
    found = [p for p in packages(model) if scale in p.scales and p.family == family]
    for package in found:
        if package.model_id(scale) == model_id:
            return package
    if any_model and found:
        return found[0]
    raise ModelError(
        f"the file was written for model {model_id.hex()} at scale {scale}; here is {_listing(found, scale)}. "
        "Install the version of tadmc that ships it, name its folder with --model, or decode with --any-model"
    )


def _listing(found: list[Package], scale: int | None = None) -> str:
    if not found:
        return "none"
    if scale is None:
        return ", ".join(f"{p.name} (scales {', '.join(map(str, p.scales))})" for p in found)
    return ", ".join(f"{p.model_id(scale).hex()} ({p.name})" for p in found)
