from __future__ import annotations

import math

import pytest
import torch

from gan_experiments.losses.sliced import random_directions, sliced_wasserstein2
from gan_experiments.noise import Noise


def noise() -> Noise:
    return Noise(0, torch.device("cpu"))


def test_directions_are_uniform_unit_vectors() -> None:
    directions = random_directions(noise(), 20000, 3)
    assert directions.shape == (20000, 3)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(20000))
    assert directions.mean(0).abs().max() < 0.02
    torch.testing.assert_close(directions.T @ directions / 20000, torch.eye(3) / 3, atol=0.01, rtol=0)


@pytest.mark.parametrize("dim", [2, 5, 20])
def test_a_shift_costs_its_square_over_the_dimension(dim: int) -> None:
    x = torch.randn(7, dim, generator=torch.Generator().manual_seed(1))
    shift = torch.linspace(-1, 2, dim)
    value = sliced_wasserstein2(x, x + shift, random_directions(noise(), 20000, dim))
    assert value.item() == pytest.approx(shift.square().sum().item() / dim, rel=0.03)


def test_the_best_single_direction_costs_the_whole_shift() -> None:
    x, shift = (
        torch.randn(7, 4, dtype=torch.float64),
        torch.tensor([0.3, -2.0, 1.0, 0.0], dtype=torch.float64),
    )
    best = shift[None] / shift.norm()
    assert sliced_wasserstein2(x, x + shift, best).item() == pytest.approx(shift.square().sum().item())


def test_order_does_not_matter_and_one_dimension_is_exact() -> None:
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(2))
    directions = random_directions(noise(), 50, 3)
    assert sliced_wasserstein2(x, x.flip(0), directions).item() == pytest.approx(0, abs=1e-10)
    line = torch.tensor([[0.0], [3.0], [1.0]]), torch.tensor([[5.0], [0.0], [1.0]])
    assert sliced_wasserstein2(*line, torch.ones(1, 1)).item() == pytest.approx((0 + 0 + 4) / 3)


def test_the_gradient_moves_each_sample_to_its_partner() -> None:
    x = torch.tensor([[0.0], [3.0], [1.0]], requires_grad=True)
    y = torch.tensor([[5.0], [0.0], [2.0]])
    (gradient,) = torch.autograd.grad(sliced_wasserstein2(x, y, -torch.ones(1, 1)), x)
    torch.testing.assert_close(gradient, 2 / 3 * (x.detach() - torch.tensor([[0.0], [5.0], [2.0]])))


def test_unequal_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="of one size"):
        sliced_wasserstein2(torch.zeros(3, 2), torch.zeros(4, 2), torch.ones(1, 2) / math.sqrt(2))
