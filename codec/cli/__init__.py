"""The `tadmc` command."""

from __future__ import annotations

from importlib import import_module

import click

from codec.cli.streams import Group
from codec.version import VERSION

#: Each `<name>_command` lives in the module of its name.
_COMMANDS = (
    "batch",
    "decode",
    "desktop",
    "encode",
    "info",
    "models",
    "restore",
    "thumbnail",
    "train",
    "verify",
    "view",
)


class Commands(Group):
    """Imports a command when it is asked for: a file manager starts `thumbnail` once a file."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, if there is one."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"codec.cli.{cmd_name}"), f"{cmd_name}_command")
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="tadmc")
def main() -> None:
    """Photographs at 0.005-0.12 bits per pixel: encode to .tadm, decode, look inside.

    "-" stands for standard input or output. Data goes to standard output, everything else to standard error.

    
    Exit codes: 0 ok, 1 bug, 2 usage, 3 broken file, 4 unsupported, 5 over a limit,
    6 model or device, 7 input/output, 8 unusable picture or option.
    Of batch: 3 some pictures failed, the others are done.
    """
