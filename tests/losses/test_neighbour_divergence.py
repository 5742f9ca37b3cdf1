"""The neighbour embedding: probabilities, invariances and gradients (methods.md 12f)."""

from __future__ import annotations

import pytest
import torch

from gan_experiments.losses.neighbours import neighbour_divergence, similarities, squared_distances


def points(n: int = 9, d: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def reference(x: torch.Tensor) -> torch.Tensor:
    """p_ij from the definition, pair by pair."""
    n = len(x)
    distance = torch.tensor([[float((a - b).norm()) for b in x] for a in x], dtype=torch.float64)
    off = [float(distance[i, j]) for i in range(n) for j in range(n) if i != j]
    sigma2 = sum((value - sum(off) / len(off)) ** 2 for value in off) / len(off)
    conditional = torch.zeros(n, n, dtype=torch.float64)  # [i, j]: p_{j|i}
    for i in range(n):
        kernel = [0.0 if k == i else 1 / (1 + float(distance[i, k]) ** 2 / (2 * sigma2)) for k in range(n)]
        conditional[i] = torch.tensor(kernel, dtype=torch.float64) / sum(kernel)
    return (conditional + conditional.T) / (2 * n)


def test_similarities_are_the_papers() -> None:
    x = points()
    p = similarities(x).exp()
    assert torch.allclose(p, reference(x), atol=1e-12)
    assert p.sum().item() == pytest.approx(1)
    assert torch.equal(p, p.T)
    assert not p.diagonal().any()


def test_divergence_is_kullback_leiblers() -> None:
    z, x = points(), points(seed=1)
    p, q = reference(z), reference(x)
    expected = sum(float(p[i, j] * (p[i, j] / q[i, j]).log()) for i in range(9) for j in range(9) if i != j)
    assert neighbour_divergence(z, x).item() == pytest.approx(expected, rel=1e-9)
    assert expected > 0.01


@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (3.0, 0.0), (-0.2, 5.0)])
def test_scale_and_shift_change_nothing(scale: float, shift: float) -> None:
    z = points()
    assert neighbour_divergence(z, scale * z + shift).item() == pytest.approx(0, abs=1e-9)


def test_the_vertices_of_a_simplex() -> None:
    for dtype in (torch.float64, torch.float32):
        p = similarities(torch.eye(6, dtype=dtype)).exp()
        assert torch.allclose(p, (torch.ones(6, 6) - torch.eye(6)).to(dtype) / 30, atol=1e-5)
    assert neighbour_divergence(torch.eye(6), 7 * torch.eye(6)).item() == pytest.approx(0, abs=1e-6)


def test_gradient_is_that_of_finite_differences() -> None:
    z, x = points().requires_grad_(), points(seed=1).requires_grad_()
    gradients = torch.autograd.grad(neighbour_divergence(z, x), [z, x])
    assert all(g.isfinite().all() and g.abs().sum() > 0 for g in gradients)

    def frozen(x: torch.Tensor) -> torch.Tensor:
        """The divergence with the bandwidth of the first images, which is a constant to the gradient."""
        off = ~torch.eye(9, dtype=torch.bool)
        variance = squared_distances(points(seed=1))[off].sqrt().var(unbiased=False)
        kernel = torch.where(off, 1 / (1 + squared_distances(x) / (2 * variance)), 0.0)
        conditional = kernel / kernel.sum(1, keepdim=True)
        q = (conditional + conditional.T) / 18
        p = reference(points())
        return (p[off] * (p[off] / q[off]).log()).sum()

    step, direction = 1e-6, points(seed=3)
    start = x.detach()
    slope = (frozen(start + step * direction) - frozen(start - step * direction)) / (2 * step)
    assert (gradients[1] * direction).sum().item() == pytest.approx(slope.item(), rel=1e-5)
