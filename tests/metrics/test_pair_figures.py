"""L1, PSNR and SSIM of pairs, by hand and by definition."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import correlate2d

from gan_experiments.metrics import pairs


def noise(count: int, channels: int, size: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, size, size), dtype=torch.uint8, generator=generator)


@given(low=st.integers(0, 255), high=st.integers(0, 255))
def test_constant_images(low: int, high: int) -> None:
    """No contrast: SSIM is its luminance term, (2ab + C1) / (a^2 + b^2 + C1)."""
    images = [torch.full((1, 3, 16, 16), value, dtype=torch.uint8) for value in (low, high)]
    (l1, psnr, ssim) = pairs.closeness(*images)[0].tolist()
    assert l1 == pytest.approx(abs(high - low) / 127.5)
    assert psnr == pytest.approx(20 * math.log10(255 / abs(high - low)) if high != low else 100)
    c1 = (0.01 * 255) ** 2
    assert ssim == pytest.approx((2 * low * high + c1) / (low**2 + high**2 + c1), abs=5e-4)


def test_ssim_is_its_definition() -> None:
    """Wang et al. 2004, equation 13, in float64 with a window that is not taken apart; the mean over channels."""
    first = noise(1, 3, 24, 0)
    second = (first.float() * 0.7 + noise(1, 3, 24, 1).float() * 0.2).round().to(torch.uint8)
    offsets = np.arange(11) - 5
    window = np.exp(-0.5 * (offsets / 1.5) ** 2)
    window = np.outer(window, window) / window.sum() ** 2
    values = []
    for a, b in zip(first[0].double().numpy(), second[0].double().numpy(), strict=True):
        mean_a, mean_b, aa, bb, ab = (correlate2d(x, window, "valid") for x in (a, b, a * a, b * b, a * b))
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        similar = (2 * mean_a * mean_b + c1) * (2 * (ab - mean_a * mean_b) + c2)
        values.append(similar / ((mean_a**2 + mean_b**2 + c1) * (aa - mean_a**2 + bb - mean_b**2 + c2)))
    expected = float(np.mean(values))
    assert 0.3 < expected < 0.95
    assert pairs.closeness(first, second)[0, 2].item() == pytest.approx(expected, rel=1e-4)


def test_each_pair_has_its_own_psnr() -> None:
    """Of one pixel in 64 that is 255 off: the squared difference is 255^2 / 64, so 10 log10 64."""
    target = torch.zeros(2, 1, 8, 8, dtype=torch.uint8)
    output = target.clone()
    output[0, 0, 3, 4] = 255
    rows = pairs.closeness(output, target)
    assert rows[0, :2].tolist() == pytest.approx([2 / 64, 10 * math.log10(64)])
    assert rows[1].tolist() == pytest.approx([0, 100, 1], abs=1e-5)
    assert pairs.figures(rows)["psnr"] == pytest.approx((10 * math.log10(64) + 100) / 2)


def test_floats_are_the_bytes_that_a_picture_of_them_holds() -> None:
    images, targets = noise(3, 3, 12, 2), noise(3, 3, 12, 3)
    floats = images.float() / 127.5 - 1
    torch.testing.assert_close(pairs.closeness(floats, targets), pairs.closeness(images, targets))
    torch.testing.assert_close(pairs.closeness(floats + 0.4 / 255, targets), pairs.closeness(images, targets))


def test_an_output_that_is_not_finite_is_not_close_to_anything() -> None:
    outputs = torch.zeros(2, 1, 8, 8)
    outputs[1, 0, 0, 0] = math.inf
    rows = pairs.closeness(outputs, noise(2, 1, 8, 4))
    assert rows[0].isfinite().all()
    assert rows[1].isnan().all()
    assert all(math.isnan(value) for value in pairs.figures(rows).values())
