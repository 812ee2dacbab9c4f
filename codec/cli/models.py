"""`tadmc models`: which model packages are here, and those of the user's own."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from codec.cli.streams import Group, quiet_option, say

if TYPE_CHECKING:
    from codec.models.package import Package
    from codec.models.sd21.config import Conventions

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("models", cls=Group, invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_context
def models_command(context: click.Context, *, as_json: bool) -> None:
    """List model packages, and add or remove those that did not come with the installation."""
    if context.invoked_subcommand is None:
        _list(as_json=as_json)


@models_command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
def list_command(*, as_json: bool) -> None:
    """List the packages that are here and the id that files name them by, a scale."""
    _list(as_json=as_json)


@models_command.command("info")
@click.argument("name")
def info_command(name: str) -> None:
    """Show config and files of the package NAME (or of a folder) as JSON."""
    from codec.models.store import packages

    (package,) = packages(name)
    files = {
        str(f.relative_to(package.folder)): f.stat().st_size for f in sorted(package.folder.rglob("*")) if f.is_file()
    }
    ids = {str(scale): package.model_id(scale).hex() for scale in package.scales}
    about = {"name": package.name, "folder": str(package.folder), "model_ids": ids, "files": files}
    click.echo(json.dumps(about | {"config": package.config}, indent=1))


@models_command.command("add")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", help="How it will be called.  [default: the folder's name]")
@quiet_option
def add_command(folder: Path, name: str | None, *, quiet: bool) -> None:
    """Copy the model package FOLDER into the user's data folder (or into that which TADMC_MODELS names)."""
    from codec.models.store import add

    say(f"added {_line(add(folder, name))}", quiet=quiet)


@models_command.command("remove")
@click.argument("name")
@quiet_option
def remove_command(name: str, *, quiet: bool) -> None:
    """Delete the added package NAME."""
    from codec.models.store import remove

    remove(name)
    say(f"removed {name}", quiet=quiet)


@models_command.command("verify")
@click.argument("name")
@quiet_option
def verify_command(name: str, *, quiet: bool) -> None:
    """Load every part of the package NAME (or of a folder), compare it with its config, and hash its backbone."""
    from codec.models.store import packages

    (package,) = packages(name)
    package.verify()
    say(f"ok: {_line(package)}", quiet=quiet)


@models_command.command("import-tadm")
@click.option("--backbone", required=True, help="Stable Diffusion 2.1-base in diffusers' layout: folder or hub name.")
@click.option("--vae", help="Another VAE than the backbone's: a folder or a hub name.")
@click.option("--dfrm", required=True, type=_FILE, help="The release's checkpoint of the rescaler.")
@click.option("--tadm", required=True, type=_FILE, help="The release's checkpoint of everything else.")
@click.option("--scale", required=True, type=click.Choice(["4", "8", "16", "32"]), help="HR/LR ratio of both.")
@click.option("--prompt", type=_FILE, help="Stored embedding of the prompt, in place of a text encoder.")
@click.option("--prompt-text", default="", show_default="empty, as in the release's scripts", help="The prompt.")
@click.option(
    "--convention",
    "conventions",
    multiple=True,
    metavar="NAME=VALUE",
    help="What paper and release disagree on; repeat. `tadmc models probe` finds out.",
)
@click.option("--download", is_flag=True, help="Fetch hub names that are not on this machine.")
@click.option("-o", "--name", required=True, help="Name in the user's data folder, or a folder to make (with a slash).")
@quiet_option
def import_command(
    *, backbone: str, vae: str | None, dfrm: Path, tadm: Path, scale: str, prompt: Path | None, prompt_text: str,
    conventions: tuple[str, ...], download: bool, name: str, quiet: bool,
) -> None:  # fmt: skip
    """Make a model package of the published TADM checkpoints. Nothing in them is run; the backbone stays in place.

    Conventions: latent_in, latent_out, predictor_in (scaled, unscaled), prediction (epsilon, v_prediction).
    """
    if prompt is not None and prompt_text:
        raise click.UsageError("--prompt and --prompt-text exclude each other")
    chosen = _conventions(conventions)
    from codec.models.engines import needs_torch
    from codec.models.package import open_package

    needs_torch("sd21")
    from codec.models.sd21.importing import import_tadm
    from codec.models.store import new_folder

    folder = Path(name) if os.sep in name else new_folder(name)
    import_tadm(
        folder,
        backbone=backbone, vae=vae, dfrm=dfrm, tadm=tadm, scale=int(scale), prompt=prompt, prompt_text=prompt_text,
        conventions=chosen, download=download,
    )  # fmt: skip
    say(f"made {_line(open_package(folder))}", quiet=quiet)


@models_command.command("import-tadsr")
@click.option("--backbone", required=True, help="Stable Diffusion 2.1-base in diffusers' layout: folder or hub name.")
@click.option("--vae", help="Another VAE than the backbone's: a folder or a hub name.")
@click.option("--tadsr", required=True, type=_FILE, help="The release's checkpoint.")
@click.option("--time-vae", type=_FILE, help="Its time-aware VAE, for time layers that the checkpoint lacks.")
@click.option("--scale", type=click.Choice(["2", "4", "8"]), default="4", show_default=True, help="HR/LR ratio.")
@click.option("--prompt", type=_FILE, help="Stored embedding of the prompt, in place of a text encoder.")
@click.option("--download", is_flag=True, help="Fetch hub names that are not on this machine.")
@click.option("-o", "--name", required=True, help="Name in the user's data folder, or a folder to make (with a slash).")
@quiet_option
def import_tadsr_command(
    *, backbone: str, vae: str | None, tadsr: Path, time_vae: Path | None, scale: str, prompt: Path | None,
    download: bool, name: str, quiet: bool,
) -> None:  # fmt: skip
    """Make a model package of TADSR's published checkpoint, whose licence forbids commercial use. Nothing in it is
    run; the backbone stays in place.
    """
    from codec.models.engines import needs_torch
    from codec.models.package import open_package
    from codec.models.store import new_folder

    needs_torch("tadsr")
    from codec.models.tadsr.importing import import_tadsr

    folder = Path(name) if os.sep in name else new_folder(name)
    import_tadsr(
        folder,
        backbone=backbone, vae=vae, tadsr=tadsr, time_vae=time_vae, scale=int(scale), prompt=prompt, download=download,
    )  # fmt: skip
    say(f"made {_line(open_package(folder))}", quiet=quiet)


@models_command.command("probe")
@click.argument("name", metavar="PACKAGE")
@click.argument("photo", type=_FILE)
@click.option("--side", type=click.IntRange(64), default=512, show_default=True, help="Of the part to look at, px.")
@click.option("--prompt-text", "texts", multiple=True, help="A prompt to try beside the stored one; repeat.")
@click.option("--prompt", "embeddings", type=_FILE, multiple=True, help="A stored embedding to try; repeat.")
@click.option("--vae", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A VAE to try.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, ...")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, the package's own combination first.")
@quiet_option
def probe_command(
    *, name: str, photo: Path, side: int, texts: tuple[str, ...], embeddings: tuple[Path, ...], vae: Path | None,
    device: str, as_json: bool, quiet: bool,
) -> None:  # fmt: skip
    """Try what paper and release of TADM disagree on: every combination of conventions with PACKAGE, on the middle of
    PHOTO. Warns where the stored combination is not the best.

    Columns: mean |LR - downscale| in grey levels, mean |z_hat - z| of scaled latents, PSNR of the decoded picture.
    """
    from dataclasses import asdict

    from codec.errors import InputError
    from codec.image.picture import load
    from codec.models.device import resolve_device
    from codec.models.sd21 import probing
    from codec.models.sd21.package import package_backbone
    from codec.models.sd21.prompt import embed_prompt, read_prompt
    from codec.models.store import packages

    (package,) = packages(name)
    if package.family.name != "sd21":
        raise InputError(f"{name}: a package of the family {package.family.name}; conventions are those of sd21")
    prompts = {str(path): read_prompt(path) for path in embeddings}
    if texts:
        source = package_backbone(package.folder).unet.parent
        prompts |= {repr(text): embed_prompt(source, text) for text in texts}
    pixels = load(photo).pixels
    top, left = (max(0, (n - side) // 2) for n in pixels.shape[:2])
    found = probing.probe(
        package.folder, pixels[top : top + side, left : left + side], device=resolve_device(device), prompts=prompts,
        vae=vae, on_progress=lambda done, of: say(f"{done} of {of}", quiet=quiet or as_json),
    )  # fmt: skip
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found]))
    else:
        for line in probing.table(found):
            click.echo(line)
    if (doubt := probing.doubt(found)) is not None:
        click.echo(f"tadmc: warning: {doubt}", err=True)


def _conventions(given: tuple[str, ...]) -> Conventions:
    from codec.models.sd21.config import CONVENTIONS, Conventions

    chosen: dict[str, Any] = {}
    known = {name: values for name, values in CONVENTIONS.items() if name != "vae"}
    for text in given:
        name, _, value = text.partition("=")
        if value not in known.get(name, ()):
            listed = "; ".join(f"{n}={'|'.join(values)}" for n, values in known.items())
            raise click.UsageError(f"--convention {text}: expected one of {listed}")
        chosen[name] = value
    return Conventions(**chosen)


@models_command.command("import-tudsr")
@click.option("--backbone", required=True, help="Stable Diffusion 2.1-base in diffusers' layout: folder or hub name.")
@click.option("--vae", help="Another VAE than the backbone's: a folder or a hub name.")
@click.option("--first", type=_FILE, help="LoRA of the U-Net for the first pass (peft, diffusers).")
@click.option("--tadm", help="A package of TADM as the first pass instead: name or folder.")
@click.option("--second", type=_FILE, help="Likewise for the second.  [default: a package of one pass]")
@click.option("--split", default="2x2", show_default=True, help="How much each pass enlarges.")
@click.option("--timestep", "timesteps", type=int, multiple=True, help="Of each pass.  [default: 200, 50]")
@click.option("--alpha", type=float, help="Of files that do not say.  [default: their rank]")
@click.option("--prompt", type=_FILE, help="Stored embedding of the prompt, in place of a text encoder.")
@click.option("--download", is_flag=True, help="Fetch hub names that are not on this machine.")
@click.option("-o", "--name", required=True, help="Name in the user's data folder, or a folder to make (with a slash).")
@quiet_option
def import_tudsr_command(
    *, backbone: str, vae: str | None, first: Path | None, tadm: str | None, second: Path | None, split: str,
    timesteps: tuple[int, ...], alpha: float | None, prompt: Path | None, download: bool, name: str, quiet: bool,
) -> None:  # fmt: skip
    """Make a model package of TUDSR of plain LoRA files, one a pass. The backbone stays in place."""
    from codec.errors import InputError
    from codec.models.engines import needs_torch
    from codec.models.package import open_package
    from codec.models.store import new_folder, packages

    if (first is None) == (tadm is None):
        raise click.UsageError("give one of --first and --tadm")
    needs_torch("tudsr")
    from codec.models.tudsr.config import TIMESTEPS
    from codec.models.tudsr.importing import import_tudsr

    factors = split.split("x")
    if not all(factor.isascii() and factor.isdigit() for factor in factors):
        raise InputError(f"split is {split!r}, expected a factor a pass, as 2x2")
    folder = Path(name) if os.sep in name else new_folder(name)
    import_tudsr(
        folder,
        backbone=backbone, vae=vae, adapters=[path for path in (first, second) if path is not None],
        split=[int(factor) for factor in factors], timesteps=timesteps or TIMESTEPS, alpha=alpha, prompt=prompt,
        tadm=None if tadm is None else packages(tadm)[0].folder, download=download,
    )  # fmt: skip
    say(f"made {_line(open_package(folder))}", quiet=quiet)


def _list(*, as_json: bool) -> None:
    from codec.errors import ModelError
    from codec.models.store import broken, packages

    rows: list[dict[str, Any]] = []
    wrong = broken()
    for package in packages():
        try:
            rows += [
                {"name": package.name, "family": package.family.name, "scale": s, "model_id": package.model_id(s).hex()}
                for s in package.scales
            ]
        except ModelError as exc:
            wrong[package.name] = str(exc)
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(f"{row['name']}  {row['family']}  scale {row['scale']:>2}  {row['model_id']}")
    for name, reason in wrong.items():
        say(f"tadmc: {name} cannot be used: {reason}; remove it with `tadmc models remove {name}`", quiet=False)


def _line(package: Package) -> str:
    ids = ", ".join(f"scale {scale} {package.model_id(scale).hex()}" for scale in package.scales)
    return f"{package.name} ({package.family.name}; {ids})"
