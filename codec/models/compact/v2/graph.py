"""The networks of compact-2 as ONNX graphs, drawn from a package's tensors. Without torch.

Each function is one network; its torch form, from which these must not differ, stands in the module of its name.
"""

from __future__ import annotations

import math

import numpy as np

from codec.arrays import LUMA, FloatArray
from codec.models.compact.drawing import Side, act, bicubic_cells, conv, conv_of, res_block, res_blocks, samples
from codec.models.compact.v2.config import LATENT_CHANNELS, LATENT_FACTOR, SHADING_FLOOR, CompactConfig
from codec.models.graph.drawing import Drawing
from codec.models.graph.parts import Part

#: Above anything that a cell may be: white is 2.
_BRIGHTEST = 1000


def reader(part: Part, config: CompactConfig, scale: int) -> bytes:
    """What realism 0 shows; see `reader.LRReader`.

    `lr` [1, 3, h, w] and `quality` (see `quality_fold`) -> `pixels` uint8 [1, 3, h*scale, w*scale].
    """
    d = Drawing()
    _, z_hat = _read(d, part, config, scale)
    d.output("pixels", samples(d, d.shuffle(z_hat, LATENT_FACTOR)), 3, "uint8")
    return d.model()


def decoder(part: Part, own: Part, config: CompactConfig, scale: int) -> bytes:
    """Reader (weights `part`) and denoiser (weights `own`); see `denoiser.CompactDenoiser`.

    `lr` and `quality` as in `reader`, `strength` [1, 1, h*scale/4, w*scale/4] = t / 200, and `noise`
    [1, 1, h*scale, w*scale] times it -> `pixels` uint8 [1, 3, h*scale, w*scale].
    """
    d, width = Drawing(), config.denoiser_width
    features, z_hat = _read(d, part, config, scale)
    strength = d.input("strength", 1, unit=LATENT_FACTOR)
    noise = d.input("noise", 1, unit=1)
    inputs = [
        Side(features, config.width), Side(z_hat, LATENT_CHANNELS), Side(noise, 1, LATENT_FACTOR), Side(strength, 1),
    ]  # fmt: skip
    x = res_blocks(d, own, "blocks", conv_of(d, own, f"conv_in.{scale}", inputs, width), width, config.denoiser_blocks)
    change = conv(d, own, "conv_out", act(d, x), LATENT_CHANNELS, width)
    if config.shading:
        change = _shaded(d, change, z_hat, config.shading)
    change = d.node("Mul", change, strength)
    d.output("pixels", samples(d, d.shuffle(d.node("Add", z_hat, change), LATENT_FACTOR)), 3, "uint8")
    return d.model()


def writer(part: Part, config: CompactConfig, scale: int) -> bytes:
    """`hr` [1, 3, H, W], `quality` [1, 1, H/4, W/4] -> `residual` [1, 3, H/scale, W/scale]; see `writer.LRWriter`."""
    d, width, fold = Drawing(), config.writer_width, quality_fold(scale)
    inputs = [Side(d.input("hr", 3, unit=1), 3, LATENT_FACTOR), Side(d.input("quality", 1, unit=LATENT_FACTOR), 1)]
    x = conv_of(d, part, "body.0", inputs, width)
    for i in range(config.writer_blocks):
        x = res_block(d, part, f"body.{i + 1}", x, width)
    for i in range(_climbs(scale)):
        at = 1 + config.writer_blocks + 3 * i
        x = conv_of(d, part, f"body.{at + 1}", [Side(x, width, 2)], width, 1)
        x = res_block(d, part, f"body.{at + 2}", x, width)
    x = conv(d, part, "conv_out", act(d, x), 3 * fold * fold, width)
    d.output("residual", d.shuffle(x, fold), 3)
    return d.model()


def quality_fold(scale: int) -> int:
    """LR pixels a side of a cell of `quality`: an LR that is finer than 1/4 enters in cells."""
    return max(1, LATENT_FACTOR // scale)


def _read(d: Drawing, part: Part, config: CompactConfig, scale: int) -> tuple[str, str]:
    """Features and z_hat."""
    width, deep, fold = config.width, config.deep_width, quality_fold(scale)
    lr, quality = d.input("lr", 3, unit=max(1, scale)), d.input("quality", 1, unit=scale * fold)
    x = conv_of(d, part, "conv_in", [Side(lr, 3, fold), Side(quality, 1)], width)
    at = 0
    for _ in range(_climbs(scale)):
        for _ in range(config.climb_blocks):
            x, at = res_block(d, part, f"climb.{at}", x, width), at + 1
        x, at = d.shuffle(conv(d, part, f"climb.{at}", x, 4 * width, width, 1), 2), at + 2
    before, below, after = config.blocks_at(scale)
    x = res_blocks(d, part, "before", x, width, before)
    if deep:
        y = conv_of(d, part, "down", [Side(act(d, x), width, 2)], deep, 1)
        y = res_blocks(d, part, "below", y, deep, below)
        x = d.node("Add", x, d.shuffle(conv(d, part, "up", act(d, y), 4 * width, deep, 1), 2))
    else:
        x = res_blocks(d, part, "below", x, width, below)
    features = act(d, res_blocks(d, part, "after", x, width, after))
    z_hat = d.node("Add", conv(d, part, "conv_out", features, LATENT_CHANNELS, width), bicubic_cells(d, lr, scale))
    return features, z_hat


def _shaded(d: Drawing, change: str, z_hat: str, share: float) -> str:
    """See `denoiser.shaded`. By convolutions that give all 48 channels: runtimes take other kernels for three."""
    cell, to_grey = LATENT_FACTOR**2, np.tile(np.array(LUMA, np.float32), (3, 1))

    def mixed(x: str, colours: FloatArray, pixels: FloatArray, bias: float = 0.0) -> str:
        weight = np.kron(colours, pixels).astype(np.float32)[..., None, None]
        return d.conv(x, weight, np.full(LATENT_CHANNELS, bias, np.float32))

    mean, each = np.full((cell, cell), 1 / cell, np.float32), np.eye(cell, dtype=np.float32)
    colour = mixed(z_hat, share * (np.eye(3, dtype=np.float32) - to_grey), mean)
    brightness = d.node("Clip", mixed(z_hat, to_grey, mean, 1.0), d.number(0), d.number(_BRIGHTEST))
    tone = d.node("Div", colour, d.node("Add", brightness, d.number(SHADING_FLOOR)))
    return d.node("Add", change, d.node("Mul", mixed(change, to_grey, each), tone))


def _climbs(scale: int) -> int:
    """Doublings between the LR and 1/4 resolution."""
    return max(0, round(math.log2(scale / LATENT_FACTOR)))
