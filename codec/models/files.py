"""Reading `config.json` of a model package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from codec.errors import ModelError


def read_config(folder: Path) -> dict[str, Any]:
    """Contents of a package's `config.json`.

    Raises:
        ModelError: there is none, or it is not a JSON object.
    """
    try:
        config = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as exc:
        raise ModelError(f"model package {folder}: config.json is not readable ({exc})") from exc
    if not isinstance(config, dict):
        raise ModelError(f"model package {folder}: config.json is not a JSON object")
    return config
