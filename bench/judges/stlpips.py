"""ST-LPIPS: distance in the features of a network, weighted by human judgements, that forgives shifts of a pixel.

Source: Ghildyal and Liu, "Shift-tolerant perceptual similarity metric", ECCV 2022; the AlexNet variant, rebuilt around
the weights of the package `stlpips-pytorch`, of which nothing else is used.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from bench.judges.packages import package_file
from bench.judges.remembered import Remembered
from bench.metrics.colour import to_tensor
from bench.photos import PixelArray

#: Padding of each convolution, and what stands around it: "after" = blurred by 2 behind it, "before" = in front of it
#: max pooled 3x3 at stride 1, then blurred by 2.
_LAYERS = ((2, "after"), (2, "before"), (1, "before"), (1, ""), (1, ""))


class StLpips:
    """`stlpips`: lower is better; 0 = alike, bicubic from a quarter of the size about .35."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            ImportError: their package is not installed.
        """
        path = package_file("stlpips_pytorch", "weights", "vST0.0", "alex_shift_tolerant.pth")
        weights = torch.load(path, map_location="cpu", weights_only=True)
        names = [n.removesuffix(".weight") for n in weights if n.startswith("net.") and n.endswith(".weight")]
        self._convolutions = [(weights[f"{n}.weight"], weights[f"{n}.bias"]) for n in names]
        self._linear = [weights[f"lin{i}.model.1.weight"] for i in range(len(_LAYERS))]
        self._shift, self._scale = weights["scaling_layer.shift"], weights["scaling_layer.scale"]
        line = torch.tensor([1.0, 2.0, 1.0])
        self._blur = torch.outer(line, line)[None, None] / 16
        self._of_original = Remembered(self._features)

    def __call__(self, original: PixelArray, decoded: PixelArray) -> dict[str, float]:
        """Distance of two pictures, uint8 [H, W, 3]."""
        with torch.inference_mode():
            a, b = self._of_original(original), self._features(decoded)
            distance = [
                F.conv2d((x - y).square(), linear).mean() for x, y, linear in zip(a, b, self._linear, strict=True)
            ]
        return {"stlpips": float(torch.stack(distance).sum())}

    def _features(self, picture: PixelArray) -> list[Tensor]:
        x, found = (to_tensor(picture) / 127.5 - 1 - self._shift) / self._scale, []
        for (weight, bias), (padding, where) in zip(self._convolutions, _LAYERS, strict=True):
            if where == "before":
                x = self._halved(F.max_pool2d(x, 3, 1))
            x = F.conv2d(x, weight, bias, padding=padding)
            if where == "after":
                x = self._halved(x)
            x = F.relu(x)
            found.append(_normalised(x))
        return found

    def _halved(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        x = F.pad(x, (2, 2, 2, 2), mode="reflect")
        return F.conv2d(x, self._blur.expand(channels, -1, -1, -1), stride=2, groups=channels)


def _normalised(x: Tensor) -> Tensor:
    return x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10)
