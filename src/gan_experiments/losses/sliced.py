"""The sliced Wasserstein distance (Rabin et al. 2011; Deshpande et al. 2018)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import normalize

from gan_experiments import parallel
from gan_experiments.losses.precision import in_float32
from gan_experiments.noise import Noise


@in_float32
def sliced_wasserstein2(x: Tensor, y: Tensor, directions: Tensor) -> Tensor:
    """SW2^2 of two samples (n, d): the mean over unit `directions` (k, d) of the squared W2 of their projections.

    In one dimension the optimal plan pairs the sorted values. Raises ValueError for samples of unequal size.
    """
    if x.shape != y.shape:
        raise ValueError(f"the samples must be of one size, not {tuple(x.shape)} and {tuple(y.shape)}")
    projected = (sample @ directions.T for sample in (x, y))
    first, second = (values.sort(dim=0).values for values in projected)
    return (first - second).square().mean()


def random_directions(noise: Noise, count: int, dim: int) -> Tensor:
    """This rank's share of `count` unit vectors, uniform on the sphere, (count / ranks, dim)."""
    return normalize(noise.normal(max(count // parallel.world_size(), 1), dim), dim=1)
