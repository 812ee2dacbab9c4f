"""`python -m bench stand-in`."""

from __future__ import annotations

from pathlib import Path

import click

from bench.cli.common import CONSOLE


@click.command("stand-in")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--shapes", type=click.Choice(["true", "tiny"]), default="true", show_default=True)
@click.option("--family", type=click.Choice(["sd21", "tadsr"]), default="sd21", show_default=True)
@click.option(
    "--scale", type=click.Choice(["2", "4", "8", "16", "32"]), help="HR/LR ratio.  [default: 16, 4 for tadsr]"
)
def stand_in_command(out: Path, *, shapes: str, family: str, scale: str | None) -> None:
    """Make a model package OUT of random weights at the shapes of Stable Diffusion 2.1-base, to measure speed with.

    Its backbone and checkpoints lie beside it, in OUT-release (2.5 GB at the true shapes). Its pictures mean nothing.
    """
    from bench.random_sd21 import make_release, make_tadsr
    from codec.models.package import open_package
    from codec.models.sd21.importing import import_tadm

    known = {"sd21": ("16", "4", "8", "32"), "tadsr": ("4", "2", "8")}[family]
    scale = scale or known[0]
    if scale not in known:
        raise click.UsageError(f"--scale {scale}: {family} has {', '.join(sorted(known, key=int))}")
    release = out.with_name(f"{out.name}-release")
    if family == "tadsr":
        make_release(release, shapes=shapes)
        make_tadsr(out, release, scale=int(scale))
    else:
        make_release(release, shapes=shapes, scale=int(scale))
        import_tadm(
            out, backbone=str(release / "backbone"), dfrm=release / "dfrm.pkl", tadm=release / "tadm.pkl",
            scale=int(scale), prompt=release / "prompt.npy",
        )  # fmt: skip
    package = open_package(out)
    CONSOLE.print(f"{package.folder}: model {package.model_id(int(scale)).hex()}")
