"""Every error this package raises on purpose, each with the exit code the command line ends with.

TadmError                  exit code
├─ FormatError             3   the file is broken
│  ├─ SignatureError           it does not begin as a .tadm file does
│  ├─ TruncatedError           it ends before it should
│  └─ ChecksumError            its bytes changed after writing
├─ UnsupportedError        4   the file is fine; this version or installation lacks a feature
├─ LimitError              5   the file asks for more than `DecodeLimits` allows
├─ ModelError              6   weights absent, of another identity, or not usable on this device
│  └─ DeviceMemoryError        the device has too little memory for what was to be done at once
└─ InputError              8   the caller's picture or option is wrong (also a ValueError)
"""

from __future__ import annotations

from collections.abc import Callable


class TadmError(Exception):
    """Base of every deliberate error. `exit_code` is what the command line ends with."""

    exit_code = 1


class FormatError(TadmError):
    """The file is broken: message says what, where (byte offset), got, expected."""

    exit_code = 3


class SignatureError(FormatError):
    """The first bytes are not those of a .tadm file."""


class TruncatedError(FormatError):
    """The file ends before a field or payload is complete."""


class ChecksumError(FormatError):
    """Stored and computed checksum differ."""


class UnsupportedError(TadmError):
    """The file is valid but needs something this version or installation does not have."""

    exit_code = 4


class LimitError(TadmError):
    """The file asks for more than the limits in force; `limit` names the field, `value` what was asked."""

    exit_code = 5

    def __init__(self, message: str, *, limit: str, value: int) -> None:
        super().__init__(message)
        self.limit = limit
        self.value = value

    def __reduce__(self) -> tuple[Callable[..., LimitError], tuple[str, str, int]]:
        return _limit_error, (str(self), self.limit, self.value)


def _limit_error(message: str, limit: str, value: int) -> LimitError:
    return LimitError(message, limit=limit, value=value)


class ModelError(TadmError):
    """Model weights are absent, have another identity, do not fit their config, or cannot run here."""

    exit_code = 6


class DeviceMemoryError(ModelError):
    """The device has too little memory for what was to be done at once."""


class InputError(TadmError, ValueError):
    """The picture or an option given by the caller cannot be used."""

    exit_code = 8
