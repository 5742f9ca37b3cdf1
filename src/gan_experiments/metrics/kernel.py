"""Kernel distance (Binkowski et al. 2018): KID over Inception features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from gan_experiments.metrics.products import product

SUBSETS = 100
SUBSET = 1000
SEED = 2020  # SUBSETS, SUBSET and SEED are torch-fidelity's: its draws are the same


def kernel_distance(
    generated: Tensor, real: Tensor, size: int = SUBSET, similarity: Tensor | None = None
) -> tuple[float, float]:
    """Mean and standard deviation over subsets of `size` rows of the unbiased MMD^2 of features (n, d).

    The kernel is (x.y / d + 1)^3. `similarity` is `real_similarity` of the same counts, if it is known. Raises
    ValueError for fewer rows than a subset has.
    """
    if size > min(len(generated), len(real)):
        raise ValueError(f"a subset has {size} rows, but there are {len(generated)} and {len(real)}")
    if similarity is None:
        similarity = real_similarity(real, len(generated), size)
    values = []
    for (ours, theirs), own in zip(
        _subsets(len(generated), len(real), size), similarity.tolist(), strict=True
    ):
        x, y = generated[ours], real[theirs]
        values.append(_similarity(x) + own - 2 * float(_kernel(x, y).mean(1).double().mean()))
    return float(np.mean(values)), float(np.std(values))


def real_similarity(real: Tensor, generated: int, size: int = SUBSET) -> Tensor:
    """The mean kernel between different real features of each subset, float64 (SUBSETS,).

    `generated` is the number of generated features, which the draws of the subsets depend on.
    """
    subsets = _subsets(generated, len(real), size)
    return torch.tensor([_similarity(real[rows]) for _, rows in subsets], dtype=torch.float64)


def _subsets(generated: int, real: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    numbers = np.random.RandomState(SEED)
    for _ in range(SUBSETS):
        ours = numbers.choice(generated, size, replace=False)
        theirs = numbers.choice(real, size, replace=False)
        yield torch.from_numpy(ours), torch.from_numpy(theirs)


def _similarity(x: Tensor) -> float:
    kernel = _kernel(x, x).fill_diagonal_(0)
    return float(kernel.mean(1).double().mean()) * len(x) / (len(x) - 1)


def _kernel(x: Tensor, y: Tensor) -> Tensor:
    return product(x, y).div_(x.shape[1]).add_(1).pow_(3)
