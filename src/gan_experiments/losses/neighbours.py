"""The neighbour embedding of GN-GAN: generated images shall be neighbours as their latents are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gan_experiments.losses.precision import in_float32

EPSILON = 1e-12  # keeps the bandwidth of equally distant points above 0
LOG_ZERO = -1e30  # finite, so that the diagonal has a gradient, 0, and not NaN


def similarities(points: Tensor) -> Tensor:
    """log of p_ij, shape (n, n), of points (n, d): symmetric, the p_ij sum to 1, p_ii is 0.

    Tran et al. 2019, section 3.1: p_{j|i} is proportional to (1 + |x_i - x_j|^2 / (2 sigma^2))^-1 and
    p_ij = (p_{i|j} + p_{j|i}) / 2n. sigma^2, the variance of all pairwise distances, is a constant here: the
    paper does not say whether it is differentiated.
    """
    n = len(points)
    squared = squared_distances(points)
    others = ~torch.eye(n, dtype=torch.bool, device=points.device)
    distances = off_diagonal(squared.detach()).sqrt()
    variance = distances.var(unbiased=False) + EPSILON
    log_kernel = torch.where(others, -torch.log1p(squared / (2 * variance)), LOG_ZERO)
    conditional = log_kernel.log_softmax(dim=1)  # row i: log p_{j|i}
    return torch.logaddexp(conditional, conditional.T) - math.log(2 * n)


def off_diagonal(matrix: Tensor) -> Tensor:
    """The n (n - 1) entries of a square matrix that are not on its diagonal: a mask would make the device wait."""
    n = len(matrix)
    return matrix.flatten()[1:].view(n - 1, n + 1)[:, :-1].flatten()


@in_float32
def squared_distances(points: Tensor) -> Tensor:
    """|x_i - x_j|^2 of points (n, d), shape (n, n), without a tensor of n x n x d."""
    points = points - points.mean(0)  # small norms lose less
    norms = points.square().sum(1)
    return (norms[:, None] + norms[None] - 2 * points @ points.T).clamp(min=0)


def neighbour_divergence(codes: Tensor, images: Tensor) -> Tensor:
    """V_R = KL(p || q), p from codes (n, d) and q from the images (n, ...) that belong to them; at least 0."""
    log_p, log_q = similarities(codes), similarities(images.flatten(1))
    return (log_p.exp() * (log_p - log_q)).sum()
