"""Maximum mean discrepancy (Gretton et al. 2012) and the kernels of the two MMD-GANs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gan_experiments.losses.precision import in_float32

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Vectors (n, d) and (m, d) to the values k(x_i, y_j), (n, m)."""


@in_float32
def gaussian(x: Tensor, y: Tensor, bandwidths: Sequence[float]) -> Tensor:
    """Sum over bandwidths s of exp(-|x - y|^2 / (2 s^2)) (Li et al. 2017)."""
    distances = squared_distances(x, y)
    return torch.stack([(-distances / (2 * s**2)).exp() for s in bandwidths]).sum(0)


@in_float32
def rational_quadratic(x: Tensor, y: Tensor, alphas: Sequence[float]) -> Tensor:
    """<x, y> + sum over a of (1 + |x - y|^2 / (2 a))^(-a): rq* of Binkowski et al. 2018."""
    distances = squared_distances(x, y)
    return x @ y.T + torch.stack([(-a * (distances / (2 * a)).log1p()).exp() for a in alphas]).sum(0)


@in_float32
def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """|x_i - y_j|^2, (n, m), never negative."""
    squares = x.square().sum(1, keepdim=True) + y.square().sum(1)
    return (squares - 2 * x @ y.T).clamp(min=0)


def biased_mmd2(kernel: Kernel, x: Tensor, y: Tensor) -> Tensor:
    """The V-statistic of MMD^2 between samples (n, d) and (m, d): never negative, positive also for P = Q."""
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def unbiased_mmd2(kernel: Kernel, x: Tensor, y: Tensor) -> Tensor:
    """The U-statistic of MMD^2 between samples (n, d) and (m, d): zero in the mean for P = Q."""
    within = [
        (values.sum() - values.diagonal().sum()) / (len(values) * (len(values) - 1))
        for values in (kernel(x, x), kernel(y, y))
    ]
    return within[0] + within[1] - 2 * kernel(x, y).mean()


def witness(kernel: Kernel, points: Tensor, real: Tensor, fake: Tensor) -> Tensor:
    """mean_i k(t, real_i) - mean_j k(t, fake_j) at points t (n, d), (n,): high where real is denser than fake."""
    return kernel(points, real).mean(1) - kernel(points, fake).mean(1)
