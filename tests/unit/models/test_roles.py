"""Both families fill the same roles, with the same names of arguments."""

import inspect

import pytest
import torch

from codec.models.compact.family import CompactFamily
from codec.models.roles import Family
from codec.models.sd21.family import Sd21Family

STEPS = ("read", "predict", "denoise", "to_pixels")


@pytest.mark.parametrize("family", [CompactFamily, Sd21Family])
def test_the_steps_have_the_signatures_of_the_role(family: type) -> None:
    for step in STEPS:
        wanted = inspect.signature(getattr(Family, step))
        assert list(inspect.signature(getattr(family, step)).parameters) == list(wanted.parameters)


def test_the_compact_steps_compose(tiny_package: object) -> None:
    family: Family = CompactFamily.load(tiny_package, 8, torch.device("cpu"), torch.float32)  # type: ignore[arg-type]
    assert isinstance(family, Family)
    lr = torch.rand(2, 3, 16, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1
    z_hat = family.read(lr, 50)
    t = family.predict(z_hat, 50)
    assert t.shape == (2, 2, 3)
    assert family.to_pixels(family.denoise(z_hat, t, 50, None)).shape == (2, 3, 128, 192)
