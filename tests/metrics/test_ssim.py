from __future__ import annotations

import numpy as np
import pytest
import torch
from metrics_helpers import random_images
from scipy.signal import correlate2d

from gan_experiments.metrics.ssim import WEIGHTS, diversity, ms_ssim


def naive(a: np.ndarray, b: np.ndarray) -> float:
    """MS-SSIM of two grey images, in float64, with a window that is not taken apart."""
    similarity = 1.0
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            a, b = (x.reshape(len(x) // 2, 2, -1, 2).mean((1, 3)) for x in (a, b))
        taps = min(11, len(a))
        offsets = np.arange(taps) - (taps - 1) / 2
        window = np.exp(-0.5 * (offsets / (1.5 * taps / 11)) ** 2)
        window = np.outer(window, window) / window.sum() ** 2
        mean_a, mean_b, aa, bb, ab = (correlate2d(x, window, "valid") for x in (a, b, a * a, b * b, a * b))
        factor = (2 * (ab - mean_a * mean_b) + 58.5225) / (aa - mean_a**2 + bb - mean_b**2 + 58.5225)
        if scale == len(WEIGHTS) - 1:
            factor = factor * (2 * mean_a * mean_b + 6.5025) / (mean_a**2 + mean_b**2 + 6.5025)
        similarity *= max(factor.mean(), 0) ** weight
    return similarity


@pytest.mark.parametrize("size", [32, 64, 176])
def test_equal_to_the_definition(size):
    images = random_images(2, 1, size, seed=5)
    images[1] = images[0] // 2 + images[1] // 2
    expected = naive(*images[:, 0].astype(np.float64))
    assert 0.1 < expected < 0.95
    assert float(ms_ssim(torch.from_numpy(images), torch.tensor([[0, 1]]))) == pytest.approx(
        expected, rel=1e-4
    )


def test_equal_images_have_no_diversity():
    image = torch.from_numpy(random_images(1, 3, 28))
    assert diversity(image.repeat(70, 1, 1, 1)) == pytest.approx(0, abs=1e-5)


def test_within_classes():
    """Two images, repeated: diverse together, not diverse within their classes."""
    images = torch.from_numpy(random_images(2, 1, 32)).repeat(10, 1, 1, 1)
    labels = torch.tensor([0, 1]).repeat(10)
    assert diversity(images) > 0.2
    assert diversity(images, labels) == pytest.approx(0, abs=1e-5)
    assert np.isnan(diversity(images, torch.arange(20)))
