"""Where model packages are found: the ones inside this package, and a folder the user names."""

from __future__ import annotations

from pathlib import Path

from codec.errors import ModelError
from codec.models.identity import Package, open_package

_SHIPPED = Path(__file__).resolve().parent.parent / "weights"


def shipped() -> list[Package]:
    """Packages inside the installed distribution, newest first (their names end in their date)."""
    folders = sorted((p.parent for p in _SHIPPED.glob("*/config.json")), key=lambda p: p.name, reverse=True)
    return [open_package(folder) for folder in folders]


def packages(model: str | None = None) -> list[Package]:
    """The packages to choose from: the one in the folder `model`, or all that are shipped.

    Raises:
        ModelError: `model` is no model package.
    """
    return [open_package(Path(model))] if model else shipped()


def for_encoding(scale: int, model: str | None = None) -> Package:
    """The package whose id a new file gets.

    Args:
        scale: HR/LR ratio.
        model: package folder; None = the newest shipped one.

    Raises:
        ModelError: no package has this scale.
    """
    found = packages(model)
    for package in found:
        if scale in package.scales:
            return package
    raise ModelError(f"no model for scale {scale}; there are {_listing(found)}")


def for_decoding(model_id: bytes, scale: int, *, model: str | None = None, any_model: bool = False) -> Package:
    """The package that a file asks for.

    Args:
        model_id: as stored in the file.
        scale: HR/LR ratio of the file.
        model: package folder to use; None = search the shipped ones.
        any_model: accept another model of this scale.

    Raises:
        ModelError: no such model here; says which the file needs, which there are, and the way out.
    """
    found = [p for p in packages(model) if scale in p.scales]
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
