from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_fidelity.metric_kid import kid_features_to_metric

from gan_experiments.metrics.kernel import kernel_distance


def rows(count: int, dimensions: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.rand(count, dimensions, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.processors
@pytest.mark.parametrize(("generated", "real", "size"), [(300, 250, 100), (60, 60, 60)])
def test_equal_to_torch_fidelity(generated, real, size):
    ours, theirs = rows(generated, 32, 1, shift=0.1), rows(real, 32, 2)
    reference = kid_features_to_metric(ours, theirs, kid_subset_size=size, verbose=False)
    mean, spread = kernel_distance(ours, theirs, size)
    assert mean == pytest.approx(reference["kernel_inception_distance_mean"], abs=1e-6)
    assert spread == pytest.approx(reference["kernel_inception_distance_std"], abs=1e-6)


def test_by_hand():
    """One subset of two rows: kernels of 8 within, and 1 between, orthogonal features of norm sqrt(d)."""
    x, y = torch.tensor([[2.0, 0, 0, 0]] * 2), torch.tensor([[0, 2.0, 0, 0]] * 2)
    assert kernel_distance(x, y, 2) == (8 + 8 - 2 * 1, 0)
    assert kernel_distance(x, x, 2) == (0, 0)


def test_unbiased():
    """Over the same distribution the mean is 0 within its error, also for small subsets."""
    ours, theirs = rows(2000, 8, 1), rows(2000, 8, 2)
    mean, spread = kernel_distance(ours, theirs, 20)
    assert abs(mean) < 4 * spread / np.sqrt(100)


def test_too_few_rows():
    with pytest.raises(ValueError, match="a subset has 1000 rows"):
        kernel_distance(rows(999, 2, 0), rows(1000, 2, 1))
