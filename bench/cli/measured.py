"""`python -m bench figure`: figures and tables of the papers, for which our models are measured first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from bench.cli.common import (
    EXISTING,
    FOLDER,
    Bar,
    device_option,
    labelled,
    limit_option,
    measuring_options,
    model_option,
    out_option,
    say,
)  # fmt: skip
from bench.codecs.base import CodecOptions
from bench.codecs.tadm import Variant
from bench.decoding import Decoder
from bench.environment import threads_for
from bench.errors import BenchError
from bench.figures import runs
from bench.photos import list_photos, read_photo
from bench.plan import Plan
from bench.rates import RAW_BPP
from codec.models.compact.family import DEFAULT_QUALITY

scale_option = click.option("--scale", type=int, help="HR/LR ratio.  [default: the model's smallest]")
quality_option = click.option(
    "--quality", type=click.IntRange(0, 99), default=DEFAULT_QUALITY, show_default=True, help="Of the lossy payload."
)


def _measuring(command: Callable[..., None]) -> Callable[..., None]:
    """Options of every figure that measures."""
    return click.argument("photos", type=EXISTING)(out_option(measuring_options(command)))


@click.command("fig3")
@click.argument("photos", type=EXISTING)
@out_option
@limit_option
@click.option(
    "--model",
    "models",
    multiple=True,
    type=EXISTING,
    help="Model package; repeat for sd21, whose packages have a scale each.  [default: the shipped one]",
)
@device_option
@quality_option
def fig3_command(
    photos: Path, out: Path, *, limit: int | None, models: tuple[Path, ...], device: str, quality: int
) -> None:
    """Figure 3 of TADM: rescaling error against diffusion error by timestep, and what is predicted from it.

    With packages of sd21 it is the error of Stable Diffusion's latent, as in the paper, with a lossless LR.
    """
    import json

    from bench.codecs.tadm import families, scales
    from bench.figures.style import save
    from bench.figures.timesteps import draw_errors, rescaling_errors

    model = str(models[0]) if models else None
    options = CodecOptions(model=model, device=device)
    plan = _bare_plan(out / "fig3-run", photos, limit, options)
    pictures = [read_photo(p) for p in plan.photos]
    if models and families(model) == {"sd21"}:
        from bench.figures.latent_errors import latent_errors

        data = latent_errors(list(models), pictures, device)
    elif len(models) > 1 or any(family != "compact" for family in families(model)):
        raise BenchError("fig3 is for one package of the compact family, or for packages of sd21")
    else:
        settings = {f"tadm/{s}{tail}": q for s in scales(model) for tail, q in (("-png", 100), ("", quality))}
        with Decoder(options, plan.threads, plan.scratch) as decoder:
            data = rescaling_errors(plan, pictures, settings, decoder)
    out.mkdir(parents=True, exist_ok=True)
    (out / "fig3.json").write_text(json.dumps(data) + "\n")
    say(save(draw_errors(data), out, "fig3"))


@click.command("fig6")
@click.argument("photos", type=EXISTING, required=False)
@out_option
@measuring_options
@click.option("--log", "logs", multiple=True, metavar="LABEL=FILE", help="A training log to add as a curve; repeat.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="What to take from training logs; repeat.  [default: psnr_z_hat, or both held-out losses of the rescaler]",
)
def fig6_command(
    photos: Path | None, out: Path, *, limit: int | None, model: str | None, device: str, jobs: int, external: bool,
    logs: tuple[str, ...], keys: tuple[str, ...],
) -> None:  # fmt: skip
    """Figure 6 of TADM: what each part of the rescaler earns.

    Without PHOTOS the paper's own form: curves of the held-out losses of runs with and without a part, from --log.
    """
    from bench.figures.rescaler import draw_parts
    from bench.figures.style import save

    named = dict(_log(text) for text in logs)
    if photos is None and not named:
        raise click.UsageError("give PHOTOS, or training logs with --log")
    options, record = CodecOptions(model=model, device=device), None
    if photos is not None:
        record = _measure("fig6", runs.rescaler_parts(options), photos, limit, out, options, jobs, external)
    say(save(draw_parts(record, named, keys), out, "fig6"))


@click.command("fig7")
@_measuring
@scale_option
@click.option("--target", type=float, default=0.05, show_default=True, help="Bits a pixel.")
@click.option(
    "--package",
    "packages",
    multiple=True,
    metavar="LABEL=PACKAGE",
    help="A package retrained for its timestep, as in the paper; repeat. Their LR is lossless.",
)
def fig7_command(
    photos: Path, out: Path, *, limit: int | None, model: str | None, device: str, jobs: int, external: bool,
    scale: int | None, target: float, packages: tuple[str, ...],
) -> None:  # fmt: skip
    """Figure 7 of TADM: fixed timesteps against predicted ones, decoded from the same files.

    With --package the paper's own form: packages retrained with and without time alignment.
    """
    from bench.figures.dial import draw_fixed_timesteps, draw_retrained
    from bench.figures.style import save

    if packages:
        if model is not None:
            raise click.UsageError("--model and --package exclude each other")
        lines = {}
        for label, folder in map(labelled, packages):
            options = CodecOptions(model=str(folder), device=device)
            wanted = runs.lossless(_scale(None, str(folder)))
            lines[label] = _measure(f"fig7-{label}", wanted, photos, limit, out, options, jobs, external)["summary"][0]
        say(save(draw_retrained(lines), out, "fig7"))
        return
    options = CodecOptions(model=model, device=device)
    wanted = runs.fixed_timesteps(_scale(scale, model), target)
    record = _measure("fig7", wanted, photos, limit, out, options, jobs, external)
    say(save(draw_fixed_timesteps(record), out, "fig7"))


@click.command("fig8")
@click.argument("photo", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@out_option
@model_option
@device_option
@scale_option
@quality_option
def fig8_command(photo: Path, out: Path, *, model: str | None, device: str, scale: int | None, quality: int) -> None:
    """Figure 8 of TADM: the timestep map over the picture PHOTO."""
    from bench.codecs.tadm import families
    from bench.figures.style import save
    from bench.figures.timesteps import decode_variant, draw_map, save_map_data

    options = CodecOptions(model=model, device=device)
    plan = _bare_plan(out / "fig8-run", photo, None, options)
    (family,) = families(model) if model is not None else {"compact"}
    variant, picture = Variant(scale=_scale(scale, model)), read_photo(photo)
    if family == "sd21":  # its LR is lossless in the papers
        variant, quality = Variant(scale=variant.scale, payload="png"), 100
    with Decoder(options, plan.threads, plan.scratch) as decoder:
        read = decode_variant(plan, variant, picture, quality, decoder)
    caption = f"{variant.title}, {picture.bpp(read['bytes']):.3f} bpp"
    paths = save(draw_map(picture.pixels, read["pixels"], read["timesteps"], caption, family), out, "fig8")
    save_map_data(out / "fig8.csv", read["timesteps"])
    say([*paths, out / "fig8.csv"])


@click.command("plane")
@_measuring
@scale_option
@click.option("--target", "targets", type=float, multiple=True, help="Bits a pixel; repeat.  [default: 0.02 0.05 0.1]")
def plane_command(
    photos: Path, out: Path, *, limit: int | None, model: str | None, device: str, jobs: int, external: bool,
    scale: int | None, targets: tuple[float, ...],
) -> None:  # fmt: skip
    """The fidelity-realism plane of the dial at several rates."""
    from bench.figures import tables
    from bench.figures.dial import draw_plane, plane_rows
    from bench.figures.style import save

    options = CodecOptions(model=model, device=device)
    wanted = runs.dial(_scale(scale, model), targets or runs.DIAL_TARGETS)
    record = _measure("plane", wanted, photos, limit, out, options, jobs, external)
    caption = "Fidelity and realism along the dial; the same files at every realism of a rate."
    say([*save(draw_plane(record), out, "plane"), *tables.write(plane_rows(record), out, "plane", caption)])


@click.command("tab1")
@_measuring
@click.option(
    "--codec", "others", multiple=True, metavar="SPEC", help="Another codec to compare, e.g. a folder; repeat."
)
def tab1_command(
    photos: Path, out: Path, *, limit: int | None, model: str | None, device: str, jobs: int, external: bool,
    others: tuple[str, ...],
) -> None:  # fmt: skip
    """Table 1 of TADM: 16x and 32x rescaling with a lossless LR."""
    from bench.figures import tables

    options = CodecOptions(model=model, device=device)
    record = _measure("tab1", runs.comparison(options, others), photos, limit, out, options, jobs, external)
    caption = f"16x and 32x rescaling with a lossless LR, n = {len(record['photos']['images'])}."
    say(tables.write(tables.comparison(record), out, "tab1", caption))


@click.command("tab2")
@_measuring
@click.option(
    "--rescaler",
    type=EXISTING,
    help="Package of the rescaler's stage, for the row without SD.  [default: that of --model]",
)
@click.option(
    "--pixel",
    "pixel",
    multiple=True,
    metavar="SPEC",
    help="Rescaling in pixels with the SD prior: a folder of decoded pictures, e.g. folder:hcflow=PATH; repeat.",
)
def tab2_command(
    photos: Path, out: Path, *, limit: int | None, model: str | None, device: str, jobs: int, external: bool,
    rescaler: Path | None, pixel: tuple[str, ...],
) -> None:  # fmt: skip
    """Table 2 of TADM: rescaling in the latent or in pixels, with and without Stable Diffusion's prior (sd21)."""
    from bench.codecs.tadm import families
    from bench.figures import published, tables

    if model is None or families(model) != {"sd21"}:
        raise BenchError("tab2 is about packages of sd21; name one with --model")
    options, rows = CodecOptions(model=model, device=device), []
    record = _measure(
        "tab2", runs.rescaling_spaces(_scale(None, model), pixel), photos, limit, out, options, jobs, external
    )
    without = record
    if rescaler is not None:
        plain = CodecOptions(model=str(rescaler), device=device)
        wanted = runs.rescaling_spaces(_scale(None, str(rescaler)), ())
        without = _measure("tab2-rescaler", wanted, photos, limit, out, plain, jobs, external)
    for line in record["summary"]:
        variant = Variant.parse(line["codec"])
        if variant is None:
            rows.append(((False, True, True), record, line))
        elif variant.realism is None:
            rows += [((True, False, False), without, one) for one in without["summary"] if one["codec"].endswith(":z")]
        else:
            rows.append(((True, False, True), record, line))
    caption = f"Lossless LR, n = {len(record['photos']['images'])}."
    paths = tables.write(tables.rescaling_spaces(sorted(rows, key=lambda row: row[0])), out, "tab2", caption)
    say(
        [
            *paths,
            *tables.write(published.TADM_SPACES, out, "tab2-published", "TADM, Table 2, as published (DIV2K, 16x)."),
        ]
    )


@click.command("tab4")
@_measuring
@click.option("--vae", type=FOLDER, help="Folder of a diffusers VAE (the latent codec of sd21) to measure as well.")
def tab4_command(
    photos: Path, out: Path, *, limit: int | None, model: str | None, device: str, jobs: int, external: bool,
    vae: Path | None,
) -> None:  # fmt: skip
    """Table 4 of TADM: what the latent codec alone allows, beside 4x rescaling."""
    from bench.figures import tables

    options = CodecOptions(model=model, device=device)
    record = _measure("tab4", runs.upper_bound(), photos, limit, out, options, jobs, external)
    pictures = [read_photo(p) for p in list_photos(photos, limit)]
    latent = {"latent codec of compact (space-to-depth)": tables.space_to_depth(pictures)}
    if vae is not None:
        latent[f"latent codec of sd21 (VAE, {vae.name})"] = tables.vae(pictures, vae, device)
    caption = "The latent codec alone, and 4x rescaling with a lossless LR."
    say(tables.write(tables.upper_bound(record, latent), out, "tab4", caption))


def _measure(
    name: str, wanted: runs.Wanted, photos: Path, limit: int | None, out: Path, options: CodecOptions, jobs: int,
    external: bool,
) -> dict[str, Any]:  # fmt: skip
    with Bar(name) as bar:
        return runs.measure(
            wanted, list_photos(photos, limit), out / f"{name}-run", options, jobs=jobs, threads=threads_for(jobs),
            external=external, progress=bar,
        )  # fmt: skip


def _log(text: str) -> tuple[str, Path]:
    label, separator, path = text.partition("=")
    if not separator or not Path(path).is_file():
        raise BenchError(f"--log {text}: expected LABEL=FILE with the file of a training log")
    return label, Path(path)


def _bare_plan(out: Path, photos: Path, limit: int | None, options: CodecOptions) -> Plan:
    """A plan that only says where files go, for figures that choose settings themselves."""
    found = (photos,) if photos.is_file() else tuple(list_photos(photos, limit))
    return Plan(out=out, photos=found, specs=(), protocol="finest", targets=(RAW_BPP,), options=options,
                threads=threads_for(1))  # fmt: skip


def _scale(scale: int | None, model: str | None) -> int:
    from bench.codecs.tadm import scales

    known = scales(model)
    if not known:
        raise BenchError("no model is here; name a package with --model")
    return known[0] if scale is None else scale


COMMANDS = (
    fig3_command, fig6_command, fig7_command, fig8_command, plane_command, tab1_command, tab2_command, tab4_command,
)  # fmt: skip
