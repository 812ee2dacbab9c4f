"""`tadmc models`."""

from __future__ import annotations

import json

import click


@click.command("models")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def models_command(*, as_json: bool) -> None:
    """List the models that are here and the id that files name them by, a scale."""
    from codec.models.library import shipped

    rows = [
        {"name": p.name, "family": p.family, "scale": scale, "model_id": p.model_id(scale).hex()}
        for p in shipped()
        for scale in p.scales
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        click.echo(f"{row['name']}  {row['family']}  scale {row['scale']:>2}  {row['model_id']}")
