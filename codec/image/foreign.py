"""The one seam around what Pillow does with bytes that somebody else made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, UnidentifiedImageError

from codec.errors import InputError, LimitError, TadmError


@contextmanager
def foreign(name: str, what: str = "picture") -> Iterator[None]:
    """Turn whatever is raised inside into one line that says whose fault it is.

    Pillow and its plugins answer damaged bytes with nearly every type of exception there is; none of them is a bug of
    the caller's or ours.

    Args:
        name: of the file, for the message.
        what: is read, likewise.

    Raises:
        InputError: not a picture that Pillow can read, or a damaged one.
        LimitError: more pixels than Pillow opens without asking.
        OSError: the file itself cannot be read.
    """
    try:
        yield
    except (TadmError, MemoryError):
        raise
    except UnidentifiedImageError as exc:
        raise InputError(f"{name}: not a picture that Pillow can read") from exc
    except Image.DecompressionBombError as exc:
        raise LimitError(f"{name}: {exc}", limit="pixels", value=2 * (Image.MAX_IMAGE_PIXELS or 0)) from exc
    except OSError as exc:
        if exc.errno is not None:
            raise
        raise InputError(f"{name}: damaged {what} ({_reason(exc)})") from exc
    except Exception as exc:
        raise InputError(f"{name}: damaged {what} ({_reason(exc)})") from exc


def _reason(exc: Exception) -> str:
    """First line of an exception's words, or its type where it has none."""
    return str(exc).strip().partition("\n")[0] or type(exc).__name__
