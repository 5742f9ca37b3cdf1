"""Kernel distance (Binkowski et al. 2018): KID over Inception features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

SUBSETS = 100
SUBSET = 1000
SEED = 2020  # SUBSETS, SUBSET and SEED are torch-fidelity's: its draws are the same


def kernel_distance(generated: Tensor, real: Tensor, size: int = SUBSET) -> tuple[float, float]:
    """Mean and standard deviation over subsets of `size` rows of the unbiased MMD^2 of features (n, d).

    The kernel is (x.y / d + 1)^3. Raises ValueError for fewer rows than a subset has.
    """
    if size > min(len(generated), len(real)):
        raise ValueError(f"a subset has {size} rows, but there are {len(generated)} and {len(real)}")
    values = [_mmd2(generated[g], real[r]) for g, r in _subsets(len(generated), len(real), size)]
    return float(np.mean(values)), float(np.std(values))


def _subsets(generated: int, real: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    numbers = np.random.RandomState(SEED)
    for _ in range(SUBSETS):
        ours = numbers.choice(generated, size, replace=False)
        theirs = numbers.choice(real, size, replace=False)
        yield torch.from_numpy(ours), torch.from_numpy(theirs)


def _mmd2(x: Tensor, y: Tensor) -> float:
    size = len(x)
    own = sum(
        (k.sum(dtype=torch.float64) - k.diagonal().sum(dtype=torch.float64))
        for k in (_kernel(x, x), _kernel(y, y))
    )
    between = _kernel(x, y).sum(dtype=torch.float64)
    return float(own / (size * (size - 1)) - 2 * between / size**2)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    products = torch.addmm(x.new_ones(()), x, y.T, alpha=1 / x.shape[1])
    return products * products * products
