"""`python -m bench figure`: figures and tables of TADSR on our packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.cli.common import EXISTING, Bar, device_option, labelled, measuring_options, out_option, say
from bench.codecs.base import CodecOptions
from bench.codecs.tadm import Variant
from bench.environment import threads_for
from bench.errors import BenchError
from bench.figures import runs
from bench.figures.runs import Wanted
from bench.photos import list_photos, read_photo

if TYPE_CHECKING:
    from bench.figures.tables import Table
    from codec.models.tadsr.pipeline import TadsrPipeline

_PACKAGE = click.Path(path_type=Path, exists=True, file_okay=False)
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
package_option = click.option("--model", required=True, type=_PACKAGE, help="A TADSR package.")
target_option = click.option("--target", type=float, default=0.2, show_default=True, help="Bits a pixel.")


@click.command("tadsr-sweep")
@click.argument("photos", type=EXISTING)
@out_option
@measuring_options
@target_option
def sweep_command(
    photos: Path, out: Path, *, limit: int | None, model: str | None, device: str, jobs: int, external: bool,
    target: float,
) -> None:  # fmt: skip
    """TADSR, Table 3 and Fig. 6: the dial from t_s = 100 to 600, the same files at every timestep."""
    from bench.figures import published, tables
    from bench.figures.style import save
    from bench.figures.tadsr import SWEEP, draw_sweep, sweep_table

    scale = _scale(model)
    wanted = Wanted(tuple(str(Variant(scale=scale, timestep=float(t))) for t in SWEEP), "below", (target,))
    record = _measured(
        "tadsr-sweep", wanted, photos, limit, out, CodecOptions(model=model, device=device), jobs, external
    )
    paths = tables.write(sweep_table(record), out, "tadsr-sweep", f"Ours along the dial, at most {target:g} bpp.")
    paths += tables.write(
        published.TADSR_SWEEP, out, "tadsr-sweep-published", "TADSR, Table 3, as published (DRealSR)."
    )
    say([*paths, *save(draw_sweep(record), out, "tadsr-sweep")])


@click.command("tadsr-ablation")
@click.argument("photos", type=EXISTING)
@click.argument("packages", nargs=-1, required=True, metavar="LABEL=PACKAGE...")
@out_option
@measuring_options
@target_option
def ablation_command(
    photos: Path, packages: tuple[str, ...], out: Path, *, limit: int | None, model: str | None, device: str, jobs: int,
    external: bool, target: float,
) -> None:  # fmt: skip
    """TADSR, Tables 2, 4 and 5: packages trained with and without a part, each at its realism 1."""
    from bench.figures import published, tables
    from bench.metrics.catalog import ALL

    if model is not None:
        raise BenchError("--model: name the packages as LABEL=PACKAGE")
    lines = []
    for label, folder in map(labelled, packages):
        wanted = Wanted((str(Variant(scale=_scale(str(folder)))),), "below", (target,))
        options = CodecOptions(model=str(folder), device=device)
        record = _measured(f"ablation-{label}", wanted, photos, limit, out, options, jobs, external)
        lines += [(label, line) for line in record["summary"]]
    names = [n for n in ALL if any(n in line["metrics"] for _, line in lines)]
    rows = [
        [label, f"{line['bpp']:.4f}",
         *(f"{line['metrics'][n]:.{ALL[n].digits}f}" if n in line["metrics"] else "-" for n in names)]
        for label, line in lines
    ]  # fmt: skip
    table: Table = (["variant", "bpp", *(ALL[n].title for n in names)], rows)
    paths = tables.write(table, out, "tadsr-ablation", f"Ours, at most {target:g} bpp.")
    caption = "TADSR, Tables 2, 4 and 5, as published."
    say([*paths, *tables.write(published.TADSR_ABLATION, out, "tadsr-ablation-published", caption)])


@click.command("tadsr-latents")
@click.argument("photo", type=_FILE)
@out_option
@package_option
@device_option
def latents_command(photo: Path, out: Path, *, model: Path, device: str) -> None:
    """TADSR, Fig. 3: the time-aware encoder's latent of PHOTO's LR by t_s: mean, deviation, principal components."""
    from bench.figures import tables
    from bench.figures.style import save
    from bench.figures.tadsr import draw_latents, latent_table, latents, lr_of, prepared

    pipeline = _pipeline(model, device)
    found = latents(pipeline, prepared(pipeline, lr_of(read_photo(photo).pixels, pipeline.scale)))
    paths = tables.write(latent_table(found), out, "tadsr-latents", f"z_L of {photo.stem} by timestep.")
    say([*paths, *save(draw_latents(found), out, "tadsr-latents")])


@click.command("tadsr-guidance")
@click.argument("photo", type=_FILE)
@out_option
@package_option
@device_option
@click.option("--negative-prompt", "negative", type=_FILE, help="Stored embedding.  [default: by the text encoder]")
@click.option(
    "--state", type=_FILE, help="state.safetensors of the training run: its fake score.  [default: untrained]"
)
@click.option("--draws", type=click.IntRange(1), default=8, show_default=True, help="Noises a timestep.")
def guidance_command(
    photo: Path, out: Path, *, model: Path, device: str, negative: Path | None, state: Path | None, draws: int
) -> None:
    """TADSR, Fig. 1b and 4: what teacher and fake score make of PHOTO's latent, and the loss, by t_v."""
    from bench.figures import tables
    from bench.figures.style import save
    from bench.figures.tadsr import draw_guidance, guidance, lr_of, prepared, with_fake_score
    from codec.models.files import read_config
    from codec.models.sd21.backbone import load_backbone
    from codec.models.sd21.prompt import NEGATIVE_PROMPT, embed_prompt, read_prompt
    from codec.models.sd21.sources import backbone_of
    from codec.training.tadsr.scores import ScoreNetwork

    pipeline, backbone = _pipeline(model, device), backbone_of(model, read_config(model))
    unwanted = embed_prompt(backbone.unet.parent, NEGATIVE_PROMPT) if negative is None else read_prompt(negative)
    scores = ScoreNetwork(load_backbone(backbone).unet, pipeline.denoiser.prompt.cpu(), unwanted, rank=_rank(state))
    if state is not None:
        with_fake_score(scores, state)
    times = tuple(range(50, 551, 50))
    x = prepared(pipeline, lr_of(read_photo(photo).pixels, pipeline.scale))
    table, pictures = guidance(pipeline, scores.to(x.device), x, (*times, 600), draws)
    paths = tables.write(table, out, "tadsr-guidance", f"The normalised loss on {photo.stem} over {draws} noises.")
    say([*paths, *save(draw_guidance(table, pictures), out, "tadsr-guidance")])


@click.command("tadsr-cost")
@out_option
@package_option
@device_option
@click.option("--side", type=click.IntRange(64), default=128, show_default=True, help="Of the LR.")
def cost_command(out: Path, *, model: Path, device: str, side: int) -> None:
    """TADSR, Table 7: parameters by part, and the time of one picture."""
    from bench.figures import published, tables
    from bench.figures.tadsr import cost_table

    paths = tables.write(cost_table(_pipeline(model, device), side), out, "tadsr-cost", "Ours, random or trained.")
    say([*paths, *tables.write(published.TADSR_COST, out, "tadsr-cost-published", "As published, RTX 3090.")])


def _measured(
    name: str, wanted: Wanted, photos: Path, limit: int | None, out: Path, options: CodecOptions, jobs: int,
    external: bool,
) -> dict[str, Any]:  # fmt: skip
    with Bar(name) as bar:
        return runs.measure(
            wanted, list_photos(photos, limit), out / f"{name}-run", options, jobs=jobs, threads=threads_for(jobs),
            external=external, progress=bar,
        )  # fmt: skip


def _pipeline(folder: Path, device: str) -> TadsrPipeline:
    from codec.models.device import resolve_device, resolve_dtype
    from codec.models.package import open_package
    from codec.models.tadsr.package import load_package

    family = open_package(folder).family.name
    if family != "tadsr":
        raise BenchError(f"{folder}: a package of the family {family}, expected tadsr")
    where = resolve_device(device)
    return load_package(folder).place(where, resolve_dtype("auto", where))


def _scale(model: str | None) -> int:
    from bench.codecs.tadm import scales

    known = scales(model)
    if not known:
        raise BenchError("no model is here; name a package with --model")
    return 4 if 4 in known else known[0]


def _rank(state: Path | None) -> int:
    """Width of the fake score's adapter in a run's state."""
    if state is None:
        return 4
    from safetensors import safe_open

    with safe_open(state, "pt") as stored:
        name = next((n for n in stored.keys() if n.startswith("live/fake/") and ".lora_A." in n), None)  # noqa: SIM118
        if name is None:
            raise BenchError(f"{state}: no state of a TADSR run")
        return int(stored.get_slice(name).get_shape()[0])


COMMANDS = (sweep_command, ablation_command, latents_command, guidance_command, cost_command)
