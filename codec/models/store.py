"""Where model packages are found: in this distribution, in the user's data folder, and in a folder the user names."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path

from codec.errors import InputError, ModelError
from codec.models.family import Family
from codec.models.package import Package, open_package

_SHIPPED = Path(__file__).resolve().parent.parent / "weights"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: What of a folder belongs to a package.
_FILES = (
    "*.json",
    "*.safetensors",
    "*/*.json",
    "*/*.safetensors",
    "*/*/*.json",
    "*/*/*.safetensors",
    "README.md",
    "LICENSE*",
)


def shipped() -> list[Package]:
    """Packages inside the installed distribution, newest first: their names end in their date. Previews come last:
    they are taken only by name, or by a file that was made with one.
    """
    return sorted(
        _packages_in(_SHIPPED), key=lambda p: ("preview" not in p.name, p.name.rpartition("-")[2]), reverse=True
    )


def released() -> list[Package]:
    """`shipped` without previews: what files may be kept of."""
    return [package for package in shipped() if "preview" not in package.name]


def user_folder() -> Path:
    """Where `add` puts packages: the folder that TADMC_MODELS names, else one in the user's data folder."""
    from platformdirs import user_data_path  # takes a while to import, and decoding with a named folder needs it not

    named = os.environ.get("TADMC_MODELS")
    return Path(named) if named else user_data_path("tadmc") / "models"


def installed() -> list[Package]:
    """Packages that the user has added, in order of name; folders that are none are left out, see `broken`."""
    return _packages_in(user_folder())


def broken() -> dict[str, str]:
    """Folders among the user's packages that cannot be opened, by name, with what is wrong with them."""
    found = {}
    for folder in _folders_in(user_folder()):
        try:
            open_package(folder)
        except ModelError as exc:
            found[folder.name] = str(exc)
    return found


def packages(model: str | os.PathLike[str] | None = None) -> list[Package]:
    """The packages to choose from: the one of the name or folder `model`, or all there are, shipped ones first.

    A plain word is the name of a package, and only then a folder.

    Raises:
        ModelError: `model` is neither the name of a package nor a package folder.
    """
    if model is None:
        return [*shipped(), *installed()]
    if os.sep in str(model):
        return [open_package(Path(model))]
    return [named(str(model))]


def named(name: str) -> Package:
    """The shipped or added package of a name, or the package in the folder of that name.

    Raises:
        ModelError: there is none.
    """
    found = [*shipped(), *installed()]
    for package in found:
        if package.name == name:
            return package
    if name in broken() or Path(name).is_dir():
        return open_package(user_folder() / name if name in broken() else Path(name))
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
                target.parent.mkdir(parents=True, exist_ok=True)
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
    if any(p.name == name for p in [*shipped(), *installed()]) or name in broken():
        raise ModelError(f"there already is a model package {name!r}")
    return user_folder() / name


def remove(name: str) -> None:
    """Delete a package that the user has added.

    Raises:
        ModelError: there is none of that name, or it is part of the distribution.
    """
    if any(p.name == name for p in shipped()):
        raise ModelError(f"model package {name} is part of the installation")
    if name not in {folder.name for folder in _folders_in(user_folder())}:
        named(name)  # says what there is
        raise ModelError(f"model package {name!r} is a folder of yours that was not added")
    shutil.rmtree(user_folder() / name)


def _packages_in(folder: Path) -> list[Package]:
    """Packages below a folder in order of name; one that is broken must not keep the others from being used."""
    found = []
    for path in _folders_in(folder):
        with contextlib.suppress(ModelError):
            found.append(open_package(path))
    return found


def _folders_in(folder: Path) -> list[Path]:
    return sorted(p.parent for p in folder.glob("[!.]*/config.json"))


def for_encoding(model: str | os.PathLike[str] | None = None) -> list[Package]:
    """The packages that a new file may be written for: the one named, else the newest shipped one.

    Raises:
        ModelError: there is none.
    """
    found = packages(model) if model else shipped()[:1]
    if not found:
        raise ModelError("no model is shipped with this installation")
    return found


def for_decoding(
    model_id: bytes, scale: int, family: Family, *, model: str | os.PathLike[str] | None = None, any_model: bool = False
) -> Package:  # fmt: skip
    """The package that a file asks for.

    Args:
        model_id: as stored in the file.
        scale: HR/LR ratio of the file.
        family: that decodes the file's tile grid.
        model: package folder or name to use; None = search the shipped and the added ones.
        any_model: accept another model of this family and scale, or of another family if both read any picture.

    Raises:
        ModelError: no such model here; says which the file needs, which there are, and the way out.
    """
    here = [p for p in packages(model) if scale in p.scales]
    found = [p for p in here if p.family is family]
    for package in found:
        try:
            if package.model_id(scale) == model_id:
                return package
        except ModelError:  # a package that lacks a file is not the one
            continue
    if any_model:
        if family.reads_pictures({}):
            found += [p for p in here if p not in found and p.family.reads_pictures(p.config)]
        if found:
            return found[0]
    raise ModelError(
        f"the file was written for model {model_id.hex()} at scale {scale}; here is {_ids(found, scale)}. "
        "Install the version of tadmc that ships it, name its folder as the model, or allow any model"
    )


def _listing(found: list[Package]) -> str:
    return ", ".join(f"{p.name} (scales {', '.join(map(str, p.scales))})" for p in found) or "none"


def _ids(found: list[Package], scale: int) -> str:
    known = []
    for package in found:
        with contextlib.suppress(ModelError):
            known.append(f"{package.model_id(scale).hex()} ({package.name})")
    return ", ".join(known) or "none"
