"""Edges beside the picture in a perceptual loss: EA-DISTS (TUDSR, Eq. 5)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from codec.training.losses import l1
from codec.training.perceptual import Term, perceptual_term

#: The smallest square under the root: its gradient has to end somewhere.
_LEAST = 1e-24
#: Magnitude of the steepest edge between pixels of [-1, 1], along an axis.
_STEEPEST = 8.0


def sobel(x: Tensor) -> Tensor:
    """Magnitude of the Sobel gradient a channel, float [B, C, H, W] -> the same shape, at least 0.

    The paper says no more than Sobel; ours: kernels (1 2 1) x (1 0 -1) without a factor, edges reflected.
    """
    smooth, slope = x.new_tensor([1.0, 2.0, 1.0]), x.new_tensor([-1.0, 0.0, 1.0])
    channels = x.shape[1]
    across = (smooth[:, None] * slope[None]).expand(channels, 1, -1, -1)
    padded = F.pad(x, (1, 1, 1, 1), mode="reflect")
    gx, gy = (F.conv2d(padded, k, groups=channels) for k in (across, across.transpose(2, 3)))
    return (gx.square() + gy.square()).clamp_min(_LEAST).sqrt()


def edge_aware(term: Term, *, as_picture: bool = True) -> Term:
    """A term on pictures, plus the same on their edges (Eq. 5, with DISTS for the term).

    Args:
        term: on pictures in [-1, 1].
        as_picture: whether edges are brought into [-1, 1] first, 0 to -1 and the steepest along an axis to 1: networks
            know nothing else (ours, the paper does not say). Otherwise they are magnitudes.
    """

    def both(made: Tensor, original: Tensor) -> Tensor:
        edges = [sobel(x.float()) for x in (made, original)]
        if as_picture:
            edges = [(2 / _STEEPEST * e - 1).clamp(-1.0, 1.0) for e in edges]
        return term(made, original) + term(edges[0], edges[1])

    return both


def edge_term(name: str, device: torch.device) -> Term:
    """EA-DISTS, or a stand-in for it.

    Args:
        name: "dists", another name of `codec.training.perceptual`, or "l1": for tests of the structure, and for those
            without the weights of DISTS.
        device: where it runs.

    Raises:
        InputError, ModelError: as `perceptual_term`.
    """
    if name == "l1":
        return edge_aware(l1, as_picture=False)
    return edge_aware(perceptual_term(name, device))
