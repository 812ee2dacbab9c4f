"""From the published checkpoints to a model package."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from codec.errors import InputError
from codec.models.sd21.backbone import find_folder, find_parts, load_backbone
from codec.models.sd21.checkpoints import plain_state, read_checkpoint
from codec.models.sd21.config import Conventions
from codec.models.sd21.package import save_package
from codec.models.sd21.prompt import embed_prompt, read_prompt
from codec.models.sd21.release import build_pipeline, read_release


def import_tadm(
    out: Path, *, backbone: str, dfrm: Path, tadm: Path, scale: int, vae: str | None = None,
    prompt: Path | None = None, prompt_text: str = "", conventions: Conventions | None = None, download: bool = False,
) -> None:  # fmt: skip
    """Turn the published files into a package; it is complete or not there at all.

    Every tensor is put into its network once on the way, so that what does not fit is found here.

    Args:
        out: folder to make.
        backbone: folder of Stable Diffusion 2.1-base in diffusers' layout, or a hub name.
        dfrm: the rescaler's checkpoint.
        tadm: the checkpoint of everything else.
        scale: HR/LR ratio that both were trained for.
        vae: folder or hub name of another VAE than the backbone's.
        prompt: stored embedding of the constant prompt; None = `prompt_text` by the backbone's text encoder.
        prompt_text: the constant prompt. The release's scripts leave it empty.
        conventions: what the tensors do not tell; its prompt and VAE follow from the arguments here.
        download: whether hub names may be fetched.

    Raises:
        InputError: `out` is already there.
        ModelError: something is missing, broken, or does not fit.
    """
    if out.exists():
        raise InputError(f"{out} already exists")
    conventions = replace(
        conventions or Conventions(), prompt=prompt_text if prompt is None else None, vae="other" if vae else "backbone"
    )
    release = read_release(plain_state(read_checkpoint(dfrm)), read_checkpoint(tadm), scale, conventions)
    folder = find_folder(backbone, download=download, with_text_encoder=prompt is None)
    paths = find_parts(folder, None if vae is None else find_folder(vae, download=download))
    embedding = embed_prompt(folder, prompt_text) if prompt is None else read_prompt(prompt)
    build_pipeline(load_backbone(paths, conventions.prediction), release, embedding)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".") as work:
        made = Path(work) / out.name
        save_package(release, embedding, paths, made)
        made.rename(out)
