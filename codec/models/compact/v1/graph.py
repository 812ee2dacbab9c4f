"""The networks of compact-1 as ONNX graphs, drawn from a package's tensors. Without torch.

Each function is one network; its torch form, from which these must not differ, stands in the module of its name.
"""

from __future__ import annotations

import math

from codec.geometry import TIMESTEP_TILE
from codec.models.compact.drawing import (
    Side,
    act,
    bicubic_cells,
    conv,
    conv_of,
    res_block,
    res_blocks,
    samples,
)
from codec.models.compact.v1.config import LATENT_CHANNELS, LATENT_FACTOR, CompactConfig
from codec.models.graph.drawing import Drawing
from codec.models.graph.parts import Part

#: Range of predicted timesteps.
_T_MIN, _T_MAX = 10.0, 200.0
_TILE_CELLS = TIMESTEP_TILE // LATENT_FACTOR


def reader(part: Part, config: CompactConfig, scale: int) -> bytes:
    """`lr` [1, 3, h, w] and `quality` [1, 1, h, w] -> `z_hat` [1, 48, h*scale/4, w*scale/4]; see `reader.LRReader`."""
    d, width = Drawing(), config.reader_width
    lr, quality = d.input("lr", 3), d.input("quality", 1)
    x = conv(d, part, "conv_in", d.node("Concat", lr, quality, axis=1), width, 4)
    x = res_blocks(d, part, "body.0", x, width, config.reader_blocks)
    for i in range(int(math.log2(scale // LATENT_FACTOR))):
        x = _upsample(d, part, f"body.{2 * i + 1}", x, width, width, 1)
        x = res_blocks(d, part, f"body.{2 * i + 2}", x, width, config.reader_blocks)
    x = conv(d, part, "conv_out", act(d, x), LATENT_CHANNELS, width)
    d.output("z_hat", d.node("Add", x, bicubic_cells(d, lr, scale)), LATENT_CHANNELS)
    return d.model()


def predictor(part: Part, config: CompactConfig) -> bytes:
    """`z_hat` [1, 48, h, w] and `quality` [1, 1, h, w] -> `t` [1, 1, h/16, w/16]; see `predictor.TimestepPredictor`."""
    d, width = Drawing(), config.predictor_width
    z_hat, quality = d.input("z_hat", LATENT_CHANNELS), d.input("quality", 1)
    x = conv_of(d, part, "conv_in", [Side(z_hat, LATENT_CHANNELS), Side(quality, 1)], width, 1)
    x = conv(d, part, "conv2", act(d, conv(d, part, "conv1", act(d, x), width, width)), width, width)
    pool = {"kernel_shape": [_TILE_CELLS] * 2, "strides": [_TILE_CELLS] * 2}
    mean, spread = d.node("AveragePool", x, **pool), d.node("AveragePool", d.node("Abs", x), **pool)
    x = act(d, conv_of(d, part, "fc1", [Side(mean, width), Side(spread, width)], 2 * width, 1))
    log_error = d.node("Sub", conv(d, part, "fc2", x, 1, 2 * width, 1), d.number(5))
    low, high = (float(v) for v in part.take("log_error_range", 2))
    position = d.node("Div", d.node("Sub", log_error, d.number(low)), d.number(high - low))
    position = d.node("Clip", position, d.number(0), d.number(1))
    t = d.node("Add", d.node("Mul", position, d.number(_T_MAX - _T_MIN)), d.number(_T_MIN))
    d.output("t", t, 1)
    return d.model()


def trunk(part: Part, config: CompactConfig) -> bytes:
    """The denoiser up to 1/4 resolution; see `denoiser.CompactDenoiser`.

    `z_hat` [1, 48, h, w], `noise` [1, 1, 4h, 4w] times its gain, and `condition` [1, 3, h, w] -> `x4` [1, widths[0],
    h, w]. The condition is t / 200, quality and log2(scale) / 4.
    """
    d, (w4, w8, w16) = Drawing(), config.widths
    z_hat, condition = d.input("z_hat", LATENT_CHANNELS), d.input("condition", 3)
    noise = d.input("noise", 1, unit=LATENT_FACTOR)
    inputs = [Side(z_hat, LATENT_CHANNELS), Side(noise, 1, LATENT_FACTOR), Side(condition, 3)]
    x4 = conv_of(d, part, "conv_in", inputs, w4)
    x4 = res_blocks(d, part, "down4", x4, w4, config.blocks[0])
    x8 = res_blocks(d, part, "down8", _halved(d, part, "to8", x4, w8, w4), w8, config.blocks[1])
    x16 = res_blocks(d, part, "mid16", _halved(d, part, "to16", x8, w16, w8), w16, config.blocks[2])
    x8 = d.node("Add", x8, _upsample(d, part, "from16", x16, w8, w16, 1))
    x8 = res_blocks(d, part, "up8", x8, w8, config.up_blocks[0])
    x4 = d.node("Add", x4, _upsample(d, part, "from8", x8, w4, w8, 1))
    d.output("x4", res_blocks(d, part, "up4", x4, w4, config.up_blocks[1]), w4)
    return d.model()


def head(part: Part, config: CompactConfig) -> bytes:
    """The denoiser from 1/4 resolution on: `x4`, `z_hat` and `noise` as in `trunk` -> `pixels` uint8 [1, 3, 4h, 4w]."""
    d, w4, half = Drawing(), config.widths[0], config.half_width
    x4, z_hat = d.input("x4", w4), d.input("z_hat", LATENT_CHANNELS)
    noise = d.input("noise", 1, unit=LATENT_FACTOR)
    to2 = _upsample(d, part, "to2", x4, half, w4, 3)
    inputs = [Side(to2, half), Side(d.shuffle(z_hat, 2), LATENT_CHANNELS // 4), Side(noise, 1, 2)]
    x2 = res_block(d, part, "block2", conv_of(d, part, "join2", inputs, half), half)
    x1 = act(d, _upsample(d, part, "to1", act(d, x2), 8, half, 3))
    change = conv_of(d, part, "conv_out", [Side(x1, 8), Side(noise, 1)], 3)
    d.output("pixels", samples(d, d.node("Add", d.shuffle(z_hat, LATENT_FACTOR), change)), 3, "uint8")
    return d.model()


def plain() -> bytes:
    """What the reader gives, as a picture: `z_hat` [1, 48, h, w] -> `pixels` uint8 [1, 3, 4h, 4w]."""
    d = Drawing()
    d.output("pixels", samples(d, d.shuffle(d.input("z_hat", LATENT_CHANNELS), LATENT_FACTOR)), 3, "uint8")
    return d.model()


def writer(part: Part, config: CompactConfig, scale: int) -> bytes:
    """`hr` [1, 3, H, W], `quality` [1, 1, H/4, W/4] -> `residual` [1, 3, H/scale, W/scale]; see `writer.LRWriter`."""
    d, width = Drawing(), config.writer_width
    inputs = [Side(d.input("hr", 3, unit=LATENT_FACTOR), 3, LATENT_FACTOR), Side(d.input("quality", 1), 1)]
    x = res_block(d, part, "body.1", conv_of(d, part, "body.0", inputs, width), width)
    stages = int(math.log2(scale // LATENT_FACTOR))
    for i in range(stages):
        x = _halved(d, part, f"body.{3 * i + 3}", x, width, width)
        x = res_block(d, part, f"body.{3 * i + 4}", x, width)
    x = res_block(d, part, f"body.{3 * stages + 2}", x, width)
    d.output("residual", conv(d, part, "conv_out", act(d, x), 3, width), 3)
    return d.model()


def _upsample(d: Drawing, part: Part, name: str, x: str, out: int, into: int, kernel: int) -> str:
    return d.shuffle(conv(d, part, f"{name}.conv", x, 4 * out, into, kernel), 2)


def _halved(d: Drawing, part: Part, name: str, x: str, out: int, into: int) -> str:
    return conv_of(d, part, name, [Side(x, into, 2)], out, 1)
