"""x"""
from __future__ import annotations
import click
@click.group("figure")
def figure_group() -> None:
    """x"""
