"""Teacher and fake score on one U-Net: with its adapter it is the one, without it the other. No second copy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from codec.models.sd21.adapters import add_adapters, is_adapter
from codec.models.sd21.config import AdapterConfig
from codec.models.tadsr.config import UNET_LAYERS
from codec.training.state import Tensors
from codec.training.tadsr.tavsd import guided

ADAPTER = "fake"


class ScoreNetwork(nn.Module):
    """See `codec.training.tadsr.tavsd.Scores`."""

    prompt: Tensor
    negative: Tensor

    def __init__(self, unet: UNet2DConditionModel, prompt: Tensor, negative: Tensor, rank: int) -> None:
        """Wrap a U-Net of its own, not the student's.

        Args:
            unet: without adapters; gets one that has no effect yet.
            prompt: embedding of what pictures shall look like, float [1, tokens, width].
            negative: of what they shall not look like: the release guides the teacher away from it.
            rank: of the adapter.
        """
        super().__init__()
        add_adapters(unet, (AdapterConfig(rank=rank, targets=UNET_LAYERS, name=ADAPTER),), "fake score")
        unet.requires_grad_(False)
        self.unet = unet
        for tensor in self.tensors().values():
            tensor.requires_grad_(True)
        self.register_buffer("prompt", prompt.detach().clone().float(), persistent=False)
        self.register_buffer("negative", negative.detach().clone().float(), persistent=False)

    def tensors(self) -> Tensors:
        """What is trained: the adapter."""
        return {name: tensor for name, tensor in self.unet.named_parameters() if is_adapter(name)}

    def fake(self, z_t: Tensor, t: Tensor) -> Tensor:
        """The noise that the score of the student's own latents finds, float [B, 4, h, w]."""
        return self._noise(z_t, t, self.prompt.expand(len(z_t), -1, -1))

    def teacher(self, z_t: Tensor, t: Tensor, guidance: Tensor) -> Tensor:
        """The noise that the plain U-Net finds, guided; both prompts in one call. Never with gradient."""
        prompts = torch.cat([p.expand(len(z_t), -1, -1) for p in (self.prompt, self.negative)])
        with torch.no_grad(), self._without_adapter():
            conditional, unconditional = self._noise(z_t.repeat(2, 1, 1, 1), t.repeat(2), prompts).chunk(2)
        return guided(unconditional, conditional, guidance)

    def _noise(self, z_t: Tensor, t: Tensor, prompts: Tensor) -> Tensor:
        eps: Tensor = self.unet(z_t, t, encoder_hidden_states=prompts.to(z_t), return_dict=False)[0]
        return eps.float()

    @contextlib.contextmanager
    def _without_adapter(self) -> Iterator[None]:
        self.unet.disable_adapters()
        try:
            yield
        finally:
            self.unet.enable_adapters()
