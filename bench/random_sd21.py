"""Stand-ins for Stable Diffusion 2.1-base and TADM's release: random weights, at the true shapes or at tiny ones.

Speed and memory do not depend on the values of weights, so what is measured with the true shapes holds for the real
ones; pictures and rates mean nothing.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor

from codec.models.sd21.adapters import fresh_adapter, is_trained
from codec.models.sd21.backbone import find_parts, load_backbone
from codec.models.sd21.config import RescalerConfig, Sd21Config
from codec.models.sd21.dfrm import Rescaler
from codec.models.sd21.predictor import TimestepPredictor
from codec.models.sd21.prompt import read_prompt
from codec.models.sd21.scheduler import TimeScheduler
from codec.models.tudsr.config import TIMESTEPS, TudsrConfig, fresh_adapter_config
from codec.models.tudsr.package import TudsrWeights, of_pass, save_package
from codec.training.tadsr.config import TadsrStageConfig
from codec.training.tadsr.trainable import Student

_CROSS = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
_CROSS_UP = ("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3
#: Constructor arguments of both networks. "true" is SD 2.1-base: 865.9 M and 83.7 M parameters.
SHAPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "true": (
        {
            "block_out_channels": (320, 640, 1280, 1280), "cross_attention_dim": 1024,
            "attention_head_dim": (5, 10, 20, 20),
        },
        {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2},
    ),
    "tiny": (
        {
            "block_out_channels": (16, 32, 32, 32), "cross_attention_dim": 32, "attention_head_dim": (2, 4, 4, 4),
            "layers_per_block": 1, "norm_num_groups": 8,
        },
        {"block_out_channels": (8, 16, 16, 16), "layers_per_block": 1, "norm_num_groups": 8},
    ),
}  # fmt: skip


def make_release(folder: Path, *, shapes: str = "true", scale: int = 16, seed: int = 0) -> None:
    """Write what a user of the release has on disk.

    Args:
        folder: gets `backbone/` (diffusers' layout, fp16), `dfrm.pkl`, `tadm.pkl` and `prompt.npy`.
        shapes: "true" or "tiny".
        scale: HR/LR ratio.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    folder.mkdir(parents=True, exist_ok=True)
    unet_shape, vae_shape = SHAPES[shapes]
    unet = UNet2DConditionModel(
        sample_size=64, down_block_types=_CROSS, up_block_types=_CROSS_UP, use_linear_projection=True, **unet_shape
    )
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4, sample_size=768,
        **vae_shape,
    )  # fmt: skip
    schedule = DDPMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False, steps_offset=1
    )
    unet.half().save_pretrained(folder / "backbone/unet")
    vae.half().save_pretrained(folder / "backbone/vae")
    schedule.save_pretrained(folder / "backbone/scheduler")
    np.save(folder / "prompt.npy", torch.randn(1, 77, unet.config.cross_attention_dim).numpy())
    config = Sd21Config(rescaler=RescalerConfig(scale=scale))
    tadm = {
        "rank_unet": config.unet_adapter.rank,
        "rank_vae": config.vae_adapter.rank,
        "unet_lora_target_modules": list(config.unet_adapter.targets),
        "vae_lora_target_modules": config.vae_adapter.targets,
        "state_dict_unet": _felt(fresh_adapter(unet.float(), config.unet_adapter, is_trained)),
        "state_dict_vae": _felt(fresh_adapter(vae.float(), config.vae_adapter)),
        "state_dict_timemapping": TimestepPredictor(config.predictor).state_dict(),
        "state_dict_refiner": TimeScheduler(config.scheduler, schedule.alphas_cumprod).state_dict(),
    }
    torch.save(tadm, folder / "tadm.pkl")
    torch.save(Rescaler(config.rescaler).state_dict(), folder / "dfrm.pkl")


def make_tadsr(out: Path, release: Path, *, scale: int = 4, seed: int = 0) -> None:
    """Write a TADSR package of random weights around the backbone of `make_release`.

    Args:
        out: is made.
        release: folder that `make_release` filled.
        scale: HR/LR ratio.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    stage = TadsrStageConfig(scale=scale, seed=seed)
    student = Student.fresh(find_parts(release / "backbone"), read_prompt(release / "prompt.npy"), stage)
    for name, tensor in student.tensors().items():
        if "lora_B" in name or "time_emb_proj" in name:  # those that begin at zero
            tensor.data.normal_(0, 0.02)
    student.save(out)


def make_tudsr(out: Path, release: Path, *, split: tuple[int, ...] = (2, 2), rank: int = 32, seed: int = 0) -> None:
    """Write a TUDSR package of random weights around the backbone of `make_release`.

    Args:
        out: is made.
        release: folder that `make_release` filled.
        split: how much each pass enlarges.
        rank: of the adapters.
        seed: of the weights.
    """
    torch.manual_seed(seed)
    paths = find_parts(release / "backbone")
    unet = load_backbone(paths).unet
    configs = tuple(fresh_adapter_config(number, rank) for number in range(len(split)))
    adapters = tuple(_felt(fresh_adapter(unet, c, partial(_of_pass, i))) for i, c in enumerate(configs))
    config = TudsrConfig(split=split, timesteps=TIMESTEPS[: len(split)], adapters=configs)
    save_package(TudsrWeights(config, adapters), read_prompt(release / "prompt.npy"), paths, out)


def _of_pass(number: int, name: str) -> bool:
    return of_pass(name, number)


def _felt(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """A fresh adapter's second factors are zero; here they shall have an effect."""
    return {name: torch.randn_like(t) * 0.01 if "lora_B" in name else t for name, t in tensors.items()}
