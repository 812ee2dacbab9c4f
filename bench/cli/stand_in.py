"""`python -m bench stand-in`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import CONSOLE


@click.command("stand-in")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--shapes", type=click.Choice(["true", "tiny"]), default="true", show_default=True)
@click.option("--scale", type=click.Choice(["4", "8", "16", "32"]), default="16", show_default=True)
def stand_in_command(out: Path, *, shapes: str, scale: str) -> None:
    """Make a model package OUT of random weights at the shapes of Stable Diffusion 2.1-base, to measure speed with.

    Its backbone and checkpoints lie beside it, in OUT-release (2.5 GB at the true shapes). Its pictures mean nothing.
    """
    from bench.random_sd21 import make_release
    from codec.models.package import open_package
    from codec.models.sd21.importing import import_tadm

    release = out.with_name(f"{out.name}-release")
    make_release(release, shapes=shapes, scale=int(scale))
    import_tadm(
        out, backbone=str(release / "backbone"), dfrm=release / "dfrm.pkl", tadm=release / "tadm.pkl",
        scale=int(scale), prompt=release / "prompt.npy",
    )  # fmt: skip
    package = open_package(out)
    CONSOLE.print(f"{package.folder}: model {package.model_id(int(scale)).hex()}")
