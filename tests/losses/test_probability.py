from __future__ import annotations

import pytest
import torch

from gan_experiments.losses import ProbabilityHinge


def test_hinge_on_probabilities_is_linear() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(2, 9, dtype=torch.float64).unbind()
    loss = ProbabilityHinge()
    expected = 2 - real.sigmoid().mean() + fake.sigmoid().mean()
    assert loss.discriminator(real, fake).item() == pytest.approx(expected.item())
    assert loss.generator(fake).item() == pytest.approx(-fake.sigmoid().mean().item())


def test_direction_weights_are_the_generators_slopes() -> None:
    scores = torch.linspace(-3, 3, 7, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(ProbabilityHinge().generator(scores) * 7, scores)
    assert torch.allclose(ProbabilityHinge().direction_weight(scores), slope.abs())
