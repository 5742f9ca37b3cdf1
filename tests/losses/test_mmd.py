from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from gan_experiments.losses.mmd import (
    biased_mmd2,
    gaussian,
    rational_quadratic,
    squared_distances,
    unbiased_mmd2,
    witness,
)

X = torch.tensor([[0.0, 1.0], [2.0, -1.0], [0.5, 0.0]], dtype=torch.float64)
Y = torch.tensor([[1.0, 1.0], [0.0, -2.0]], dtype=torch.float64)


def linear(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x @ y.T


def test_squared_distances() -> None:
    expected = torch.tensor([[1.0, 9.0], [5.0, 5.0], [1.25, 4.25]], dtype=torch.float64)
    torch.testing.assert_close(squared_distances(X, Y), expected)
    assert (squared_distances(1e4 + X.float(), 1e4 + X.float()) >= 0).all()


def test_kernels_are_their_formulas() -> None:
    d2 = [1.0, 9.0]
    values = gaussian(X[:1], Y, [1.0, 2.0])[0]
    assert values.tolist() == pytest.approx([math.exp(-d / 2) + math.exp(-d / 8) for d in d2], abs=1e-12)
    values = rational_quadratic(X[:1], Y, [0.5, 2.0])[0]
    products = [1.0, -2.0]
    assert values.tolist() == pytest.approx(
        [p + (1 + d) ** -0.5 + (1 + d / 4) ** -2 for p, d in zip(products, d2, strict=True)], abs=1e-12
    )


def test_the_linear_kernel_compares_means() -> None:
    expected = (X.mean(0) - Y.mean(0)).square().sum()
    torch.testing.assert_close(biased_mmd2(linear, X, Y), expected)


def test_unbiased_leaves_the_diagonal_out() -> None:
    within_x = sum(float(X[i] @ X[j]) for i in range(3) for j in range(3) if i != j) / 6
    within_y = float(Y[0] @ Y[1])
    between = float((X @ Y.T).mean())
    assert unbiased_mmd2(linear, X, Y).item() == pytest.approx(within_x + within_y - 2 * between, abs=1e-12)


def test_gaussians_have_the_closed_form() -> None:
    """P = N(0, I), Q = N(mu, I): 2 (s2 / (s2 + 2))^(d/2) (1 - exp(-|mu|^2 / (2 (s2 + 2))))."""
    generator = torch.Generator().manual_seed(0)
    kernel = partial(gaussian, bandwidths=[1.5])
    mean = torch.tensor([1.0, -0.5], dtype=torch.float64)
    s2 = 1.5**2
    exact = 2 * (s2 / (s2 + 2)) * (1 - math.exp(-1.25 / (2 * (s2 + 2))))
    assert exact == pytest.approx(0.14480, abs=5e-6)
    apart, same, biased = [], [], []
    for _ in range(60):
        x, y, z = torch.randn(3, 500, 2, generator=generator, dtype=torch.float64)
        apart.append(unbiased_mmd2(kernel, x, y + mean).item())
        same.append(unbiased_mmd2(kernel, x, z).item())
        biased.append(biased_mmd2(kernel, x, z).item())
    assert sum(apart) / 60 == pytest.approx(exact, rel=0.03)
    assert abs(sum(same) / 60) < 6e-4 < sum(biased) / 60
    assert 15 <= sum(value < 0 for value in same) <= 50
    assert min(biased) > 0


def test_gradients_are_the_finite_differences() -> None:
    for kernel in (partial(gaussian, bandwidths=[1.0, 2.0]), partial(rational_quadratic, alphas=[0.2, 1.0])):
        for estimate in (biased_mmd2, unbiased_mmd2):
            moved = Y.clone().requires_grad_()
            assert torch.autograd.gradcheck(lambda y: estimate(kernel, X, y), moved)  # noqa: B023
        points = (Y + 0.1).requires_grad_()
        assert torch.autograd.gradgradcheck(lambda t: witness(kernel, t, X, Y).sum(), points)  # noqa: B023


def test_the_witness_is_the_difference_of_mean_kernels() -> None:
    kernel = partial(gaussian, bandwidths=[1.0])
    values = witness(kernel, Y, X, Y)
    expected = kernel(Y, X).mean(1) - kernel(Y, Y).mean(1)
    torch.testing.assert_close(values, expected)
    # Its mean over real minus that over fake is the biased MMD^2.
    gap = witness(kernel, X, X, Y).mean() - values.mean()
    torch.testing.assert_close(gap, biased_mmd2(kernel, X, Y))
