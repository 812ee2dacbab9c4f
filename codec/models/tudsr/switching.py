"""One U-Net, an adapter a pass: switching changes which of them is heard, and loads nothing."""

from __future__ import annotations

import copy
import threading
from collections.abc import Sequence

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from codec.models.sd21.adapters import fuse_adapters
from codec.models.sd21.config import AdapterConfig
from codec.models.sd21.denoiser import Denoiser


class PassDenoisers(nn.Module):
    """The denoiser of every pass. Each is the backbone's U-Net with the pass's adapter.

    Either all share one U-Net and an adapter is chosen before each call, or, after `merge`, each has a copy of its own
    with the adapter folded in: faster, equal up to float rounding, for the memory of one more U-Net.
    """

    def __init__(self, unet: UNet2DConditionModel, adapters: Sequence[AdapterConfig], prompt: Tensor) -> None:
        """Wrap a U-Net.

        Args:
            unet: with the adapters in place.
            adapters: one a pass.
            prompt: embedding of the constant prompt, float [1, tokens, width].
        """
        super().__init__()
        self._adapters = tuple(adapters)
        self.networks = nn.ModuleList([Denoiser(unet, prompt)])
        # one adapter is heard at a time, whoever asks
        self._lock = threading.RLock()
        self._heard: int | None = None

    @property
    def shared(self) -> bool:
        """Whether there is one U-Net for all passes."""
        return len(self.networks) < len(self._adapters)

    @property
    def unet(self) -> UNet2DConditionModel:
        """The first pass's U-Net: as long as it is shared, that of all."""
        found: UNet2DConditionModel = self._network(0).unet
        return found

    @property
    def prompt(self) -> Tensor:
        """Embedding of the constant prompt; it is where the networks are."""
        return self._network(0).prompt

    def merge(self) -> None:
        """Give every pass a U-Net of its own, its adapter folded in; not undone."""
        network = self._network(0)
        made = [network, *(copy.deepcopy(network) for _ in self._adapters[1:])]
        for number, adapter in enumerate(self._adapters):
            others = [other.name for other in self._adapters if other is not adapter]
            if others:
                made[number].unet.delete_adapters(others)
            fuse_adapters(made[number].unet, (adapter,))
        self.networks, self._heard = nn.ModuleList(made), None

    def forward(self, number: int, z: Tensor, t: Tensor) -> Tensor:
        """The noise that a pass finds.

        Args:
            number: of the pass, from 0.
            z: latent times the VAE's scaling factor, float [B, 4, h, w], h and w multiples of 8.
            t: timesteps, [B].

        Returns:
            eps, float32 [B, 4, h, w].
        """
        if not self.shared:
            eps: Tensor = self.networks[min(number, len(self.networks) - 1)](z, t)
            return eps
        with self._lock:
            self._listen_to(number)
            return self._network(0)(z, t)

    def _listen_to(self, number: int) -> None:
        """Choose an adapter. Which tensors take gradients is not touched: peft would set it for all of them."""
        if self._heard == number:
            return
        wanted = [(p, p.requires_grad) for p in self.unet.parameters()]
        self.unet.set_adapter(self._adapters[number].name)
        for parameter, trained in wanted:
            parameter.requires_grad_(trained)
        self._heard = number

    def _network(self, number: int) -> Denoiser:
        found = self.networks[number]
        assert isinstance(found, Denoiser)
        return found


def unet_bytes(network: PassDenoisers, dtype: torch.dtype) -> int:
    """Memory of one more U-Net in a precision."""
    return sum(p.numel() for p in network.unet.parameters()) * torch.finfo(dtype).bits // 8
