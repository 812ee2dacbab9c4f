"""The `tadmc` command."""

from __future__ import annotations

import click

from codec.cli.batch import batch_command
from codec.cli.decode import decode_command
from codec.cli.desktop import desktop_command
from codec.cli.encode import encode_command
from codec.cli.info import info_command
from codec.cli.models import models_command
from codec.cli.restore import restore_command
from codec.cli.streams import Group
from codec.cli.thumbnail import thumbnail_command
from codec.cli.train import train_command
from codec.cli.verify import verify_command
from codec.cli.view import view_command
from codec.version import VERSION


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, prog_name="tadmc")
def main() -> None:
    """Photographs at 0.005-0.12 bits per pixel: encode to .tadm, decode, look inside.

    "-" stands for standard input or output. Data goes to standard output, everything else to standard error.

    
    Exit codes: 0 ok, 1 bug, 2 usage, 3 broken file, 4 unsupported, 5 over a limit,
    6 model or device, 7 input/output, 8 unusable picture or option.
    Of batch: 3 some pictures failed, the others are done.
    """


for _command in (
    encode_command,
    decode_command,
    info_command,
    thumbnail_command,
    view_command,
    verify_command,
    restore_command,
    batch_command,
    desktop_command,
    models_command,
    train_command,
):
    main.add_command(_command)
