"""`python -m bench stand-in`."""

from __future__ import annotations

import math
from pathlib import Path

import click

from bench.cli.common import CONSOLE
from bench.errors import BenchError


@click.command("stand-in")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--shapes", type=click.Choice(["true", "tiny"]), default="true", show_default=True)
@click.option("--family", type=click.Choice(["sd21", "tadsr", "tudsr"]), default="sd21", show_default=True)
@click.option(
    "--scale", type=click.Choice(["2", "4", "8", "16", "32"]), help="HR/LR ratio.  [default: 16, 4 for tadsr]"
)
@click.option("--split", default="2x2", show_default=True, help="Of tudsr: how much each pass enlarges.")
def stand_in_command(out: Path, *, shapes: str, family: str, scale: str | None, split: str) -> None:
    """Make a model package OUT of random weights at the shapes of Stable Diffusion 2.1-base, to measure speed with.

    Its backbone and checkpoints lie beside it, in OUT-release (2.5 GB at the true shapes). Its pictures mean nothing.
    """
    from bench.random_sd21 import make_release, make_tadsr, make_tudsr
    from codec.models.package import open_package
    from codec.models.sd21.importing import import_tadm

    factors = split_of(split)
    whole = str(math.prod(factors))
    known = {"sd21": ("16", "4", "8", "32"), "tadsr": ("4", "2", "8"), "tudsr": (whole,)}[family]
    scale = scale or known[0]
    if scale not in known:
        raise click.UsageError(f"--scale {scale}: {family} has {', '.join(sorted(known, key=int))}")
    release = out.with_name(f"{out.name}-release")
    if family == "tadsr":
        make_release(release, shapes=shapes)
        make_tadsr(out, release, scale=int(scale))
    elif family == "tudsr":
        make_release(release, shapes=shapes)
        make_tudsr(out, release, split=factors)
    else:
        make_release(release, shapes=shapes, scale=int(scale))
        import_tadm(
            out, backbone=str(release / "backbone"), dfrm=release / "dfrm.pkl", tadm=release / "tadm.pkl",
            scale=int(scale), prompt=release / "prompt.npy",
        )  # fmt: skip
    package = open_package(out)
    CONSOLE.print(f"{package.folder}: model {package.model_id(int(scale)).hex()}")


def split_of(text: str) -> tuple[int, ...]:
    """How much each pass enlarges, of "2x2".

    Raises:
        BenchError: it does not say.
    """
    from codec.errors import ModelError
    from codec.models.tudsr.config import check_split

    try:
        return check_split([int(factor) for factor in text.split("x")])
    except (ValueError, ModelError) as exc:
        raise BenchError(f"split is {text!r}, expected factors of one or two passes, as 2x2") from exc
