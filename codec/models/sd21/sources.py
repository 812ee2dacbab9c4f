"""Which backbone a package was made around: named by path, pinned by hash, found again when it has moved."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from codec.errors import ModelError
from codec.models.sd21.backbone import BackbonePaths, find_parts

#: Where to look for a backbone that is no longer where it was: a folder in diffusers' layout.
BACKBONE_VARIABLE = "TADMC_BACKBONE"


def backbone_fields(paths: BackbonePaths) -> dict[str, Any]:
    """What a package's `config.json` says of its backbone: hashes of its files, and where they were found.

    Raises:
        ModelError: a file is missing.
    """
    sources = {name: [str(path.resolve()), *_stamp(path)] for name, path in paths.files().items()}
    return {"backbone": paths.hashes(), "sources": sources}


def backbone_of(folder: Path, fields: dict[str, Any], *, check: bool = False) -> BackbonePaths:
    """The backbone of a package: where it was when the package was made, or where the environment says.

    Args:
        folder: of the package, for messages.
        fields: its config.
        check: hash the backbone even where its files look untouched.

    Raises:
        ModelError: it is absent, or not what it was.
    """
    expected, sources = fields.get("backbone"), fields.get("sources")
    if not isinstance(expected, dict) or not isinstance(sources, dict) or not expected.keys() <= sources.keys():
        raise ModelError(f"model package {folder}: config.json does not say which backbone it needs")
    named = os.environ.get(BACKBONE_VARIABLE)
    if named:
        paths = find_parts(Path(named))
    else:
        unet, vae, scheduler = (
            Path(sources[f"{part}/{name}"][0]).parent
            for part, name in (("unet", "config.json"), ("vae", "config.json"), ("scheduler", "scheduler_config.json"))
        )
        paths = BackbonePaths(unet, vae, scheduler)
    missing = [str(path) for path in paths.files().values() if not path.is_file()]
    if missing:
        raise ModelError(
            f"model package {folder.name}: its backbone is not at {missing[0]}; "
            f"set {BACKBONE_VARIABLE} to the folder that now holds unet/, vae/ and scheduler/"
        )
    untouched = all([str(p.resolve()), *_stamp(p)] == sources[name] for name, p in paths.files().items())
    if check or not untouched:
        wrong = [name for name, digest in paths.hashes().items() if digest != expected.get(name)]
        if wrong:
            raise ModelError(f"model package {folder.name}: {paths.files()[wrong[0]]} is not the file it was made for")
    return paths


def _stamp(path: Path) -> list[int]:
    """Size and time of the last change: while they stay, a file is not hashed again."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
