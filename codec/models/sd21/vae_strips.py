"""The VAE's decoder in strips of rows: the same pixels up to rounding, in a fraction of the memory.

Convolutions need one row more on either side. Group normalisation needs mean and variance of the whole map, so these
are gathered over all strips first. What stays whole is a map's input and output; everything between is a strip.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

_Pointwise = Callable[[Tensor], Tensor]


def decode_in_strips(vae: AutoencoderKL, z: Tensor, samples: int) -> Tensor:
    """What `vae.decode` gives.

    Args:
        vae: an AutoencoderKL of residual blocks, as Stable Diffusion's.
        z: latent without the scaling factor, in the decoder's precision, [B, 4, h, w].
        samples: values of a map (channels times rows times columns) that a strip holds at most; at least one row.

    Returns:
        Pixels [B, 3, 8h, 8w], nominally in [-1, 1].
    """
    net: Any = vae.decoder
    x = net.conv_in(z if vae.post_quant_conv is None else vae.post_quant_conv(z))
    x = net.mid_block(x)
    for block in net.up_blocks:
        for resnet in block.resnets:
            x = _resnet(resnet, x, samples)
        for upsampler in block.upsamplers or ():
            x = _upsampled(upsampler.conv, x, samples)
    return _convolved(net.conv_out, x, _norm_and_act(net.conv_norm_out, net.conv_act, x, samples), samples)


def _resnet(block: Any, x: Tensor, samples: int) -> Tensor:  # noqa: ANN401 - a diffusers ResnetBlock2D without time
    h = _convolved(block.conv1, x, _norm_and_act(block.norm1, block.nonlinearity, x, samples), samples)
    y = _convolved(block.conv2, h, _norm_and_act(block.norm2, block.nonlinearity, h, samples), samples)
    del h
    for top, bottom in _strips(x, samples):
        rows = x[:, :, top:bottom]
        y[:, :, top:bottom] += rows if block.conv_shortcut is None else block.conv_shortcut(rows)
    return y.div_(block.output_scale_factor) if block.output_scale_factor != 1 else y


def _convolved(conv: nn.Conv2d, x: Tensor, before: _Pointwise, samples: int) -> Tensor:
    """conv(before(x)) for a 3x3 convolution and something that looks at one position at a time."""
    out = x.new_empty(x.shape[0], conv.out_channels, *x.shape[2:])
    height = x.shape[2]
    for top, bottom in _strips(x, samples):
        rows = before(x[:, :, max(0, top - 1) : bottom + 1])
        rows = F.pad(rows, (0, 0, int(top == 0), int(bottom == height)))
        out[:, :, top:bottom] = F.conv2d(rows, conv.weight, conv.bias, padding=(0, 1))
    return out


def _upsampled(conv: nn.Conv2d, x: Tensor, samples: int) -> Tensor:
    """Twice the size by repetition, then the convolution."""
    b, _, height, width = x.shape
    out = x.new_empty(b, conv.out_channels, 2 * height, 2 * width)
    for top, bottom in _strips(x, samples // 4):
        rows = F.interpolate(x[:, :, max(0, top - 1) : bottom + 1], scale_factor=2.0, mode="nearest")
        # of the rows above and below only the nearer repetition is seen
        rows = rows[:, :, int(top > 0) : rows.shape[2] - int(bottom < height)]
        rows = F.pad(rows, (0, 0, int(top == 0), int(bottom == height)))
        out[:, :, 2 * top : 2 * bottom] = F.conv2d(rows, conv.weight, conv.bias, padding=(0, 1))
    return out


def _norm_and_act(norm: nn.GroupNorm, act: nn.Module, x: Tensor, samples: int) -> _Pointwise:
    """act(norm(.)) with the normalisation's statistics taken over all of x."""
    b, channels = x.shape[:2]
    count, mean, spread = 0, x.new_zeros(()).float(), x.new_zeros(()).float()
    for top, bottom in _strips(x, samples):
        rows = x[:, :, top:bottom].float().reshape(b, norm.num_groups, -1)
        var, its_mean = torch.var_mean(rows, 2, correction=0)
        new = count + rows.shape[2]
        step = its_mean - mean
        # Chan's rule for joining the moments of two samples
        spread = spread + var * rows.shape[2] + step.square() * (count * rows.shape[2] / new)
        mean, count = mean + step * (rows.shape[2] / new), new
    each = channels // norm.num_groups
    gain = torch.rsqrt(spread / count + norm.eps).repeat_interleave(each, 1) * norm.weight.float()
    bias = norm.bias.float() - mean.repeat_interleave(each, 1) * gain
    gain, bias = gain[:, :, None, None], bias[:, :, None, None]

    def apply(rows: Tensor) -> Tensor:
        y: Tensor = act(torch.addcmul(bias, rows.float(), gain).to(rows.dtype))
        return y

    return apply


def _strips(x: Tensor, samples: int) -> Iterator[tuple[int, int]]:
    """First and last-plus-one row of each strip."""
    height = x.shape[2]
    step = max(1, samples // (x.shape[0] * x.shape[1] * x.shape[3]))
    for top in range(0, height, step):
        yield top, min(top + step, height)
