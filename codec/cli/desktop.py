"""`tadmc desktop`: file managers and viewers."""

from __future__ import annotations

from pathlib import Path

import click

from codec.cli.streams import Group, quiet_option, say


@click.group("desktop", cls=Group)
def desktop_command() -> None:
    """Teach the desktop of this user what .tadm files are: MIME type, thumbnails (the stored LR), opening."""


@desktop_command.command("install")
@quiet_option
def install_command(*, quiet: bool) -> None:
    """Write MIME type, thumbnailer and desktop entry below ~/.local/share."""
    from codec.desktop.install import install

    _said("wrote", *install(), quiet=quiet)


@desktop_command.command("remove")
@quiet_option
def remove_command(*, quiet: bool) -> None:
    """Undo install."""
    from codec.desktop.install import remove

    _said("removed", *remove(), quiet=quiet)


@desktop_command.command("open")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def open_command(file: Path) -> None:
    """Rebuild the photograph of FILE and show it with the program for PNG files."""
    from codec.desktop.show import rebuilt, show

    show(rebuilt(file))


def _said(verb: str, paths: list[Path], notes: list[str], *, quiet: bool) -> None:
    for path in paths:
        say(f"{verb} {path}", quiet=quiet)
    for note in notes:
        say(f"tadmc: {note}", quiet=quiet)
