"""`tadmc view`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import click

from codec.cli.streams import quiet_option, say


@click.command("view")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Of 127.0.0.1.  [default: any that is free]")
@click.option("--no-browser", is_flag=True, help="Only say the address.")
@quiet_option
def view_command(files: tuple[Path, ...], *, port: int, no_browser: bool, quiet: bool) -> None:
    """Show the .tadm files FILES in a browser: a slider for realism, a divider, maps, zoom into any size.

    A server on this machine hands out the page, these files and nothing else, until Ctrl-C.
    """
    import webbrowser

    from codec.decoding.info import read_info
    from codec.models.store import packages
    from codec.viewer.server import Viewer

    for file in files:
        read_info(file)  # what is broken is said here and not by the page
    viewer = Viewer(files, packages, port=port)
    say(f"{viewer.address}  (Ctrl-C ends)", quiet=quiet and not no_browser)
    if not no_browser:
        webbrowser.open(viewer.address)
    with contextlib.suppress(KeyboardInterrupt):
        viewer.serve()
