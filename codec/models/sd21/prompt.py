"""The constant prompt: embedded once, when a package is made, so that decoding needs no text encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from codec.errors import ModelError
from codec.models.sd21.loading import read_tensors

#: A prompt that restoration networks around Stable Diffusion are trained with; TADSR packages are made with it. In
#: TADM's release it is the default of an argument parser that no script calls.
PROMPT = "A high-resolution, 8K, ultra-realistic image with sharp focus, vibrant colors, and natural lighting."
#: What TADSR's release guides its teacher away from.
NEGATIVE_PROMPT = (
    "painting, oil painting, illustration, drawing, art, sketch, cartoon, CG Style, 3D render, unreal engine, "
    "blurring, dirty, messy, worst quality, low quality, frames, watermark, signature, jpeg artifacts, deformed, "
    "lowres, over-smooth"
)


@torch.no_grad()
def embed_prompt(backbone: Path, prompt: str = PROMPT) -> Tensor:
    """The prompt's embedding by the backbone's own text encoder, float32 [1, tokens, width].

    Args:
        backbone: folder with `tokenizer/` and `text_encoder/` (safetensors).
        prompt: padded or cut to the tokenizer's length.

    Raises:
        ModelError: one of the two is missing or not readable.
    """
    from transformers import CLIPTextModel, CLIPTokenizer

    for part in ("tokenizer", "text_encoder"):
        if not (backbone / part).is_dir():
            raise ModelError(
                f"backbone {backbone}: has no {part}/ to embed the prompt with; give a stored embedding with --prompt"
            )
    try:
        tokenizer = CLIPTokenizer.from_pretrained(str(backbone / "tokenizer"), local_files_only=True)
        encoder = CLIPTextModel.from_pretrained(
            str(backbone / "text_encoder"), use_safetensors=True, local_files_only=True, dtype=torch.float32
        )
    except (OSError, ValueError, RuntimeError) as exc:
        reason = " ".join(str(exc).split())[:200]
        raise ModelError(f"backbone {backbone}: text encoder is not readable ({reason})") from exc
    tokens = tokenizer(
        prompt, padding="max_length", max_length=tokenizer.model_max_length, truncation=True, return_tensors="pt"
    )
    embedding: Tensor = encoder.eval()(tokens.input_ids)[0]
    return embedding.float()


def read_prompt(path: Path) -> Tensor:
    """A stored embedding, float32 [1, tokens, width]: `.npy`, or safetensors with one tensor.

    Raises:
        ModelError: it is not readable, or of another shape.
    """
    if path.suffix == ".npy":
        try:
            embedding = torch.from_numpy(np.load(path, allow_pickle=False))
        except (OSError, ValueError, TypeError) as exc:
            raise ModelError(f"prompt embedding {path} is not readable ({exc})") from exc
    else:
        tensors = list(read_tensors(path).values())
        if len(tensors) != 1:
            raise ModelError(f"prompt embedding {path}: holds {len(tensors)} tensors, expected one")
        embedding = tensors[0]
    if embedding.ndim != 3 or len(embedding) != 1 or not embedding.is_floating_point():
        raise ModelError(f"prompt embedding {path}: shape is {tuple(embedding.shape)}, expected (1, tokens, width)")
    return embedding.float()
