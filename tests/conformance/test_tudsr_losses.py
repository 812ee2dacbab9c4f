"""TUDSR's losses against values from first principles (checks U6 to U8, and the order of U9)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from codec.training.edges import edge_aware, edge_term, sobel
from codec.training.heads import critic_loss, generator_loss, soft_bce
from codec.training.losses import l1
from codec.training.tudsr.chunks import chunks


def test_u6_soft_bce(losses: dict[str, Any]) -> None:
    for label, logit, value in losses["tudsr_bce"]["rows"]:
        assert float(soft_bce([torch.tensor([logit])], label)) == pytest.approx(value, abs=1e-6)
    for label, logit, value in ((0.8, 0.0, 0.6931472), (0.8, 2.0, 0.5269280), (0.0, 2.0, 2.1269280)):
        assert float(soft_bce([torch.tensor([logit])], label)) == pytest.approx(value, abs=1e-6)
    # its minimum lies where the logit says the label
    best = torch.tensor([math.log(4)], requires_grad=True)
    loss = soft_bce([best], 0.8)
    loss.backward()
    assert best.grad is not None
    assert float(loss.detach()) == pytest.approx(0.5004024, abs=1e-6)
    assert best.grad.abs().max() < 1e-6


def test_u7_levels_and_totals(losses: dict[str, Any]) -> None:
    known = losses["tudsr_losses"]
    made, real = ([torch.tensor([x]) for x in known[k]] for k in ("logits_gen_or_fake", "logits_real"))
    l_gen, l_d = generator_loss(made), 0.5 * critic_loss(real, made)
    assert float(l_gen) == pytest.approx(known["L_gen"], abs=1e-6) == pytest.approx(0.7295840, abs=1e-6)
    assert float(soft_bce(real, 0.8)) == pytest.approx(known["L_real"], abs=1e-6)
    assert float(soft_bce(made, 0.0)) == pytest.approx(known["L_fake"], abs=1e-6)
    assert float(l_d) == pytest.approx(known["L_D"], abs=1e-6) == pytest.approx(0.8471507, abs=1e-6)
    total = 5 * 0.2 + 0.5 * float(l_gen) + 0.5 * 0.1
    assert total == pytest.approx(known["L_G at ea_dists 0.2 and mae 0.1"], abs=1e-6)


def test_u7_levels_count_alike_whatever_their_size() -> None:
    small, large = torch.zeros(1, 1, 1, 1), torch.full((1, 1, 8, 8), 2.0)
    want = (0.6931472 + 0.5269280) / 2
    assert float(soft_bce([small, large], 0.8)) == pytest.approx(want, abs=1e-6)


def test_u8_edges(losses: dict[str, Any], fill: Any) -> None:
    known = losses["tudsr_ea_dists"]
    a, b = (torch.from_numpy(fill.image(48, 64, seed)) for seed in (5, 6))
    assert float(edge_term("l1", torch.device("cpu"))(a, b)) == pytest.approx(known["ea_with_l1_stub(a,b)"], abs=1e-6)
    assert float(l1(a, b)) == pytest.approx(known["plain_l1(a,b)"], abs=1e-6)
    assert float(sobel(a).mean()) == pytest.approx(known["sobel_mean_of_a"], abs=1e-5)
    ramp = 0.1 * torch.arange(9.0).expand(1, 3, 7, 9)
    for turned in (ramp, ramp.transpose(2, 3)):
        assert torch.allclose(sobel(turned)[:, :, 1:-1, 1:-1], torch.tensor(0.8), atol=1e-6)
    assert float(sobel(torch.full((1, 3, 8, 8), 0.3)).abs().max()) < 1e-6
    assert float(edge_aware(l1)(a, a)) == 0


def test_u8_gradients_stay_finite_where_there_are_no_edges() -> None:
    flat = torch.full((1, 3, 8, 8), 0.3, requires_grad=True)
    edge_aware(l1)(flat, torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert flat.grad is not None
    assert torch.isfinite(flat.grad).all()


def test_u9_order(losses: dict[str, Any]) -> None:
    known = losses["tudsr_chunking"]
    x = torch.tensor(known["in"])[None, None]
    assert [c[0, 0].tolist() for c in chunks(x, known["R"])] == known["chunks"]
    assert np.array_equal(torch.cat(list(chunks(x, 4))), x)
