"""The `python -m bench` command."""

from __future__ import annotations

import sys
from typing import Any

import click

from bench.cli.choice import choice_command
from bench.cli.figure import figure_group
from bench.cli.large import large_command
from bench.cli.report import report_command
from bench.cli.run import run_command
from bench.cli.speed import speed_command
from bench.cli.sr import sr_command
from bench.cli.stand_in import stand_in_command
from bench.errors import BenchError
from codec import TadmError


class Group(click.Group):
    """Turns deliberate errors into one line on standard error and the error's own exit code."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's signature
        """Run the command."""
        try:
            return super().invoke(ctx)
        except (BenchError, TadmError) as exc:
            click.echo(f"bench: {' '.join(str(exc).split())}", err=True)
            sys.exit(exc.exit_code)
        except ModuleNotFoundError as exc:
            click.echo(f"bench: the package {exc.name} is not installed; pip install -e '.[bench]'", err=True)
            sys.exit(BenchError.exit_code)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Rate and distortion of tadmc beside JPEG and what people really use, measured through real files."""


for _command in (
    run_command, report_command, figure_group, sr_command, choice_command, speed_command, large_command,
    stand_in_command,
):  # fmt: skip
    main.add_command(_command)
