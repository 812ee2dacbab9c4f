"""Options and output that the commands share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.errors import BenchError

FOLDER = click.Path(path_type=Path, file_okay=False)
EXISTING = click.Path(path_type=Path, exists=True)
#: People read standard error; standard output is for data.
CONSOLE = Console(stderr=True, highlight=False, markup=False)
if not CONSOLE.is_terminal:
    CONSOLE.width = 160  # a log has no width to fit

model_option = click.option(
    "--model", type=click.Path(file_okay=False), help="Folder of the model package of ours.  [default: the shipped one]"
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="Where ours runs: auto, cpu, cuda, cuda:1, ..."
)
out_option = click.option("--out", type=FOLDER, required=True, help="Folder for the pictures and tables.")
jobs_option = click.option(
    "--jobs", type=click.IntRange(1), default=1, show_default=True, help="Photographs measured at once."
)
external_option = click.option(
    "--external/--no-external", default=True, help="Measures of others where they and their weights are here."
)
limit_option = click.option("--limit", type=click.IntRange(1), help="Only the first so many photographs by name.")


def measuring_options(command: Callable[..., None]) -> Callable[..., None]:
    """What every command takes that measures photographs."""
    for option in (external_option, jobs_option, device_option, model_option, limit_option):
        command = option(command)
    return command


def labelled(text: str) -> tuple[str, Path]:
    """LABEL=PACKAGE as both.

    Raises:
        BenchError: it is none, or there is no such folder.
    """
    label, separator, path = text.partition("=")
    if not separator or not Path(path).is_dir():
        raise BenchError(f"{text}: expected LABEL=PACKAGE with the folder of a model package")
    return label, Path(path)


def say(paths: list[Path]) -> None:
    """Name the files that were written."""
    for path in paths:
        CONSOLE.print(str(path))


class Bar:
    """A progress bar on a terminal; elsewhere one line every tenth part, so that logs stay readable."""

    def __init__(self, what: str) -> None:
        self._what, self._tenth = what, -1
        self._bar = Progress(
            TextColumn("{task.fields[what]}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TimeRemainingColumn(), TextColumn("{task.fields[last]}"), console=CONSOLE,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=None, what=what, last="")

    def __enter__(self) -> Bar:
        if CONSOLE.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, done: int, total: int, last: str) -> None:
        """Show that `done` of `total` pieces are finished, `last` being the latest."""
        self._bar.update(self._task, completed=done, total=total, last=last)
        tenth = 10 * done // total if total else 10
        if not CONSOLE.is_terminal and tenth != self._tenth:
            self._tenth = tenth
            CONSOLE.print(f"{self._what}: {done} of {total}")
