"""Streams and errors of the command line: stdin and stdout as "-", atomic writes, one line an error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NoReturn

import click

from codec.errors import InputError, TadmError
from codec.files import write_file
from codec.options import ENGINES, DecodeLimits

STANDARD = "-"
IO_EXIT_CODE = 7

overwrite_option = click.option("-f", "--force", is_flag=True, help="Overwrite OUTPUT if it exists.")
engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="auto",
    show_default=True,
    help="What runs the networks; auto = onnx on a CPU where the model can, else torch.",
)
max_pixels_option = click.option(
    "--max-pixels",
    type=click.IntRange(0),
    default=DecodeLimits().pixels,
    show_default=True,
    help="Refuse larger pictures; 0 = no limit.",
)
no_mark_option = click.option(
    "--no-mark", is_flag=True, help="Leave out of the XMP whether a network drew the picture's texture."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Only errors on standard error.")


class Group(click.Group):
    """Turns deliberate errors into one line on standard error and the error's own exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command; errors are handled here, before click's own handling of a closed pipe."""
        try:
            return super().invoke(ctx)
        except TadmError as exc:
            fail(str(exc), exc.exit_code)
        except BrokenPipeError:
            # the reader of our output went away: nothing to say, and nowhere to say it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(IO_EXIT_CODE)
        except OSError as exc:
            where = f"{exc.filename}: " if exc.filename else ""
            fail(f"{where}{exc.strerror or exc}", IO_EXIT_CODE)


def fail(message: str, code: int) -> NoReturn:
    """One line on standard error, then exit."""
    click.echo(f"tadmc: {' '.join(message.split())}", err=True)
    sys.exit(code)


def data_of(source: str, limit: int = 0) -> bytes | Path:
    """What to read: a path as it is, standard input as bytes.

    Of standard input at most one byte more than `limit` is read, so that the reader can refuse it (0 = all).
    """
    if source != STANDARD:
        return Path(source)
    return sys.stdin.buffer.read(limit + 1 if limit else -1)


def check_output(source: str, target: str, *, force: bool) -> None:
    """Refuse before any work is done what would fail or lose data after it.

    Raises:
        InputError: OUTPUT exists and -f was not given, is the input itself, or is a folder.
    """
    if target == STANDARD:
        if sys.stdout.isatty():
            raise InputError("refusing to write binary data to a terminal; name a file or redirect the output")
        return
    path = Path(target)
    if path.is_dir() and path.suffix != ".zarr":
        raise InputError(f"{target} is a folder")
    if path.exists():
        if source != STANDARD and Path(source).exists() and path.samefile(source):
            raise InputError(f"{target} is the input itself")
        if not force:
            raise InputError(f"{target} exists; -f overwrites it")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent}: no such folder")


def write_output(target: str, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file whole or not at all; "-" writes to standard output.

    Raises:
        OSError: it cannot be written.
    """
    if target == STANDARD:
        write(sys.stdout.buffer)
        sys.stdout.buffer.flush()
    else:
        write_file(Path(target), write)


def say(message: str, *, quiet: bool) -> None:
    """A line for people, on standard error."""
    if not quiet:
        click.echo(message, err=True)
