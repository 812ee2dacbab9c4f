"""`python -m bench report`."""
from __future__ import annotations
import click
@click.command("report")
def report_command() -> None:
    """x"""
