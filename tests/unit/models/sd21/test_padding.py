"""Padding of pictures in the `sd21` pipeline."""

from __future__ import annotations

import pytest
import torch

pytest.importorskip("diffusers", reason="the sd21 family needs diffusers")

from codec.geometry import Size
from codec.models.sd21.encoding import extend
from codec.models.sd21.geometry import latent_size


def test_reflects_at_the_right_and_bottom() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    y = extend(x, 5, 6)
    assert torch.equal(y[:, :, :3, :4], x)
    assert y[0, 0, 0].tolist() == [0, 1, 2, 3, 2, 1]
    assert y[0, 0, :, 0].tolist() == [0, 4, 8, 4, 0]


def test_repeats_the_last_sample_where_reflection_has_too_few() -> None:
    x = torch.arange(12.0).reshape(1, 1, 3, 4)
    y = extend(x, 6, 7)
    assert y[0, 0, :, 0].tolist() == [0, 4, 8, 8, 8, 8]
    assert y[0, 0, 0].tolist() == [0, 1, 2, 3, 2, 1, 0]


def test_nothing_to_pad() -> None:
    x = torch.rand(1, 3, 4, 4)
    assert torch.equal(extend(x, 4, 4), x)


def test_latent_size_counts_the_padding() -> None:
    assert latent_size(Size(width=65, height=64)) == Size(width=16, height=8)
