"""Checks of what a file asks for against `DecodeLimits`, before memory is spent on it."""

from __future__ import annotations

from codec.errors import LimitError
from codec.options import DecodeLimits


def check(limits: DecodeLimits, name: str, value: int, what: str) -> None:
    """Refuse a value above the limit of that name; 0 = no limit.

    Raises:
        LimitError: `value` is above it.
    """
    allowed: int = getattr(limits, name)
    if allowed and value > allowed:
        raise LimitError(f"{what}: {value} is over the limit of {allowed} ({name})", limit=name, value=value)
