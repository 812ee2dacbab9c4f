"""Stable Diffusion 2.1-base, or a stand-in of its kind, read from folders in diffusers' layout."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from safetensors import SafetensorError
from torch import Tensor

from codec.errors import ModelError
from codec.models.sd21.geometry import LATENT_CELL

_CONFIG, _WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
#: What is fetched of a hub name.
_WANTED = ("unet/*.json", f"unet/{_WEIGHTS}", "vae/*.json", f"vae/{_WEIGHTS}", "scheduler/*.json")
_FOR_THE_PROMPT = ("tokenizer/*", "text_encoder/config.json", "text_encoder/model.safetensors")


@dataclass(frozen=True)
class BackbonePaths:
    """Where the parts lie on this machine.

    Attributes:
        unet: folder of the denoiser's network.
        vae: folder of the latent codec's network.
        scheduler: folder of the noise schedule.
    """

    unet: Path
    vae: Path
    scheduler: Path

    def files(self) -> dict[str, Path]:
        """Every file that decoding reads, by its name in diffusers' layout."""
        return {
            f"unet/{_WEIGHTS}": self.unet / _WEIGHTS,
            f"unet/{_CONFIG}": self.unet / _CONFIG,
            f"vae/{_WEIGHTS}": self.vae / _WEIGHTS,
            f"vae/{_CONFIG}": self.vae / _CONFIG,
            "scheduler/scheduler_config.json": self.scheduler / "scheduler_config.json",
        }

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file, hexadecimal; of a config its canonical form, as mirrors format it differently.

        Raises:
            ModelError: a file is missing.
        """
        return {
            name: _canonical(path) if path.suffix == ".json" else _sha256(path) for name, path in self.files().items()
        }


@dataclass(frozen=True)
class Backbone:
    """What the family takes from Stable Diffusion; no tokenizer and no text encoder.

    Attributes:
        unet: the denoiser's network.
        vae: the latent codec's network.
        alphas_cumprod: cumulative signal power at every training timestep, float32 [timesteps] in (0, 1).
    """

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    alphas_cumprod: Tensor


def find_folder(source: str | Path, *, download: bool = False, with_text_encoder: bool = False) -> Path:
    """The folder of a backbone on this machine.

    Args:
        source: a local folder, or a hub name.
        download: whether a hub name may be fetched; otherwise it must already be in the local cache.
        with_text_encoder: also what embeds a prompt.

    Raises:
        ModelError: it is not here, or cannot be fetched.
    """
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    wanted = [*_WANTED, _CONFIG, _WEIGHTS, *(_FOR_THE_PROMPT if with_text_encoder else ())]
    try:
        return Path(snapshot_download(str(source), allow_patterns=wanted, local_files_only=not download))
    except HFValidationError as exc:
        raise ModelError(f"backbone {source}: neither a folder nor a hub name") from exc
    except LocalEntryNotFoundError as exc:
        raise ModelError(f"backbone {source}: no such folder, and no copy of that hub name on this machine") from exc
    except (HfHubHTTPError, OSError) as exc:
        raise ModelError(f"backbone {source}: cannot be fetched ({_one_line(exc)})") from exc


def find_parts(folder: Path, vae: Path | None = None) -> BackbonePaths:
    """The parts in a folder; the VAE may come from another, in which it is `vae/` or the folder itself."""
    other = folder if vae is None else vae
    nested = vae is None or (other / "vae").is_dir()
    return BackbonePaths(folder / "unet", other / "vae" if nested else other, folder / "scheduler")


def load_vae(folder: Path) -> AutoencoderKL:
    """The VAE in a folder, float32, on the CPU, in evaluation mode.

    Raises:
        ModelError: it is absent, incomplete, or does not work at 1/8.
    """
    vae = _load(AutoencoderKL, folder, "vae")
    factor = 2 ** (len(vae.config.block_out_channels) - 1)
    if factor != LATENT_CELL:
        raise ModelError(f"backbone {folder}: the vae works at 1/{factor}, expected 1/{LATENT_CELL}")
    return vae.eval()


def load_backbone(paths: BackbonePaths, prediction: str = "epsilon") -> Backbone:
    """Read all parts, float32, on the CPU, in evaluation mode. Weights must be safetensors.

    Args:
        paths: where they lie.
        prediction: what the U-Net must predict, see `codec.models.sd21.config.Conventions`.

    Raises:
        ModelError: a part is absent, incomplete, or predicts something else, or the latent is not at 1/8.
    """
    source = paths.unet.parent
    unet = _load(UNet2DConditionModel, paths.unet, "unet")
    vae = load_vae(paths.vae)
    try:
        schedule = DDPMScheduler.from_pretrained(str(paths.scheduler), local_files_only=True)
    except (OSError, ValueError) as exc:
        raise ModelError(f"backbone {source}: scheduler is not readable ({_one_line(exc)})") from exc
    if schedule.config.prediction_type != prediction:
        which = "2.1-base, not 2.1" if prediction == "epsilon" else "2.1, not 2.1-base"
        raise ModelError(
            f"backbone {source}: prediction type is {schedule.config.prediction_type!r}, expected {prediction!r} "
            f"(that is {which})"
        )
    if unet.config.in_channels != vae.config.latent_channels:
        raise ModelError(
            f"backbone {source}: the unet takes {unet.config.in_channels} channels, the vae gives "
            f"{vae.config.latent_channels}"
        )
    return Backbone(unet=unet.eval(), vae=vae, alphas_cumprod=schedule.alphas_cumprod.float())


def _load(kind: Any, folder: Path, part: str) -> Any:  # noqa: ANN401 - a diffusers model
    try:
        # Without low memory mode every weight is loaded at once and a missing one would stay random, so the loader's
        # own account of missing and unexpected names is checked.
        model, info = kind.from_pretrained(
            str(folder), use_safetensors=True, low_cpu_mem_usage=False, output_loading_info=True,
            local_files_only=True, torch_dtype=torch.float32,
        )  # fmt: skip
    except (OSError, ValueError, RuntimeError, SafetensorError) as exc:
        raise ModelError(f"backbone {folder}: {part} is not readable ({_one_line(exc)})") from exc
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info.get(problem):
            raise ModelError(f"backbone {folder}: {part} has {problem.replace('_', ' ')}: {sorted(info[problem])[:5]}")
    return model


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as exc:
        raise ModelError(f"backbone: {path} is not readable ({exc.strerror})") from exc


def _canonical(path: Path) -> str:
    """Of a config without the names that begin with an underscore: they say by which version it was written."""
    try:
        fields = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise ModelError(f"backbone: {path} is not readable ({_one_line(exc)})") from exc
    kept = {name: value for name, value in fields.items() if not name.startswith("_")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _one_line(exc: BaseException) -> str:
    return " ".join(str(exc).split())[:200] or type(exc).__name__
