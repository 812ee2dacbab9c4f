"""x"""
from __future__ import annotations
import click
@click.command("speed")
def speed_command() -> None:
    """x"""
