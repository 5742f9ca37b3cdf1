"""MIND against closed forms, and against its formula written out in float64."""

from __future__ import annotations

import pytest
import torch

from gan_experiments.metrics import mind


def features(count: int, dim: int, seed: int) -> torch.Tensor:
    return torch.randn(count, dim, generator=torch.Generator().manual_seed(seed))


def test_equal_features_in_any_order_are_at_distance_0() -> None:
    real = features(50, 8, 0)
    assert mind.mind(real.flip(0), real, 0) == 0


def test_moved_features_are_at_three_times_the_squared_shift() -> None:
    """|u.c|^2 is |c|^2 / d in the mean over directions: 1,000 of them know it to a few per cent."""
    real, shift = features(200, 4, 0), torch.tensor([1.0, -2.0, 0.5, 0.0])
    assert mind.mind(real + shift, real, 0) == pytest.approx(3 * 5.25, rel=0.1)


def test_the_formula_in_float64() -> None:
    generated, real = features(64, 6, 1), 2 * features(64, 6, 2)
    u = torch.randn(mind.DIRECTIONS, 6, generator=torch.Generator().manual_seed(3)).double()
    u /= u.norm(dim=1, keepdim=True)
    gaps = (generated.double() @ u.T).sort(0).values - (real.double() @ u.T).sort(0).values
    assert mind.mind(generated, real, 3) == pytest.approx(3 * 6 * float(gaps.square().mean()), rel=1e-5)


def test_samples_of_unequal_size_are_refused() -> None:
    with pytest.raises(ValueError, match="of one size"):
        mind.mind(features(4, 2, 0), features(5, 2, 0), 0)
