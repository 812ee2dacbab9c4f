"""Features of networks that others trained, and that stay as they are: vision transformers, or any with named taps."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from codec.errors import InputError, ModelError

#: Hub names of networks with names of our own. Their licences have to be accepted and the files fetched by the user.
_HUB = {"dinov3-vitb16": "facebook/dinov3-vitb16-pretrain-lvd1689m", "dinov2-base": "facebook/dinov2-base"}
#: Mean and deviation that these networks expect to be taken off, of pixels in [0, 1] (ImageNet's).
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: Side of the picture that a tapped network is asked for its widths with.
_PROBE = 64


class Features(nn.Module, ABC):
    """A frozen network's maps at some depths; gradients pass through it to the picture, and end nowhere in it.

    Attributes:
        widths: channels of the maps.
    """

    widths: tuple[int, ...]
    _mean: Tensor
    _std: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        for name, values in (("_mean", _MEAN), ("_std", _STD)):
            self.register_buffer(name, torch.tensor(values).view(1, 3, 1, 1), persistent=False)

    def train(self, mode: bool = True) -> Features:
        """The network never leaves evaluation mode."""
        return super().train(mode=False)

    def normalised(self, x: Tensor) -> Tensor:
        """Pixels in [-1, 1] as ImageNet's networks expect them."""
        return ((x + 1) / 2 - self._mean) / self._std

    @abstractmethod
    def forward(self, x: Tensor) -> list[Tensor]:
        """Maps of pictures, float [B, 3, H, W] in [-1, 1]: float [B, C, h, w] each."""


class VitFeatures(Features):
    """Outputs of some blocks of a vision transformer as maps, without class and register tokens (TUDSR, Eq. 3)."""

    def __init__(self, vit: Any, layers: Sequence[int]) -> None:  # noqa: ANN401 - a model of transformers
        """Wrap one.

        Args:
            vit: a model of `transformers` whose output has hidden states, its patches last.
            layers: blocks whose outputs count, from 1.

        Raises:
            InputError: it has no such block.
        """
        super().__init__(vit)
        depth = vit.config.num_hidden_layers
        if not layers or not all(1 <= layer <= depth for layer in layers):
            raise InputError(f"layers are {list(layers)}, expected some of 1..{depth}")
        self._layers, self._patch = tuple(layers), int(vit.config.patch_size)
        self.widths = (int(vit.config.hidden_size),) * len(self._layers)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See `Features.forward`; h and w are the sides over the patch's, rounded down."""
        h, w = (side // self._patch for side in x.shape[2:])
        x = self.normalised(x[:, :, : h * self._patch, : w * self._patch])
        states = self.network(pixel_values=x, output_hidden_states=True).hidden_states
        return [states[n][:, -h * w :].transpose(1, 2).reshape(len(x), -1, h, w) for n in self._layers]


class TappedFeatures(Features):
    """Outputs of named modules of any image network."""

    def __init__(self, network: nn.Module, taps: Sequence[str]) -> None:
        """Wrap one.

        Args:
            network: takes pictures [B, 3, H, W], normalised as ImageNet's.
            taps: names of modules whose outputs are maps [B, C, h, w].

        Raises:
            InputError: it has no such module, or one gives no map.
        """
        super().__init__(network)
        modules = dict(network.named_modules())
        missing = [name for name in taps if name not in modules]
        if missing or not taps:
            raise InputError(f"taps: the network has no {', '.join(missing) or 'tap'}")
        self._found: dict[str, Tensor] = {}
        self._taps = tuple(taps)
        for name in taps:
            modules[name].register_forward_hook(lambda _, __, out, n=name: self._found.__setitem__(n, out))
        with torch.no_grad():
            probe = self(torch.zeros(1, 3, _PROBE, _PROBE, device=next(network.parameters()).device))
        if not all(isinstance(m, Tensor) and m.ndim == 4 for m in probe):
            raise InputError(f"taps: not all of {', '.join(taps)} give a map [B, C, h, w]")
        self.widths = tuple(m.shape[1] for m in probe)

    def forward(self, x: Tensor) -> list[Tensor]:
        """See `Features.forward`."""
        self.network(self.normalised(x))
        maps = [self._found[name] for name in self._taps]
        self._found.clear()
        return maps


class Vgg16Features(Features):
    """The last features of VGG16's first blocks, see `codec.training.features`: for those who have no transformer."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            ModelError: they are not on this machine.
        """
        from codec.training.features import VggDistance

        network = VggDistance()
        super().__init__(network)
        self.widths = network.widths

    def forward(self, x: Tensor) -> list[Tensor]:
        """See `Features.forward`."""
        maps: list[Tensor] = self.network.features(x)  # type: ignore[operator] # it is a VggDistance
        return maps


def frozen_features(name: str, layers: Sequence[int], device: torch.device) -> Features:
    """Features by name.

    Args:
        name: "dinov3-vitb16", "dinov2-base", a folder or hub name of a vision transformer that `transformers` loads,
            "vgg16", or "module:function" of the user's own that gives a network and names of its taps.
        layers: blocks of a transformer.
        device: where they run.

    Raises:
        InputError: no such function, block or tap.
        ModelError: the weights are not on this machine.
    """
    if name == "vgg16":
        return Vgg16Features().to(device)
    module, _, function = name.partition(":")
    if function:
        try:
            network, taps = getattr(importlib.import_module(module), function)()
        except (ImportError, AttributeError, ValueError, TypeError) as exc:
            raise InputError(f"features {name!r}: {exc}; expected module:function that gives (network, taps)") from exc
        return TappedFeatures(network, taps).to(device)
    return VitFeatures(_transformer(name), layers).to(device)


def _transformer(name: str) -> Any:  # noqa: ANN401 - a model of transformers
    from huggingface_hub import snapshot_download
    from transformers import AutoModel

    source = _HUB.get(name, name)
    try:
        # the folder first: given a name, transformers asks the hub for adapters whatever it is told
        folder = source if Path(source).is_dir() else snapshot_download(source, local_files_only=True)
        return AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    except (OSError, ValueError, RuntimeError, KeyError) as exc:
        reason = " ".join(str(exc).split())[:160]
        where = "no such folder" if Path(source).parent.is_dir() and not Path(source).is_dir() else "not readable"
        raise ModelError(
            f"features {name!r}: {source} is {where}, nor a hub name with a copy on this machine ({reason}); "
            "known are dinov3-vitb16, dinov2-base, vgg16, a folder, or module:function"
        ) from exc
