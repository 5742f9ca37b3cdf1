from __future__ import annotations

import math

import pytest
import torch

from gan_experiments.data.points import grid, ring
from gan_experiments.metrics.planar import Modes, captured


def test_all_modes_of_high_quality():
    generator = torch.Generator().manual_seed(0)
    centres = torch.from_numpy(grid())
    samples = centres.repeat(100, 1) + 0.05 * torch.randn(2500, 2, generator=generator, dtype=torch.float64)
    modes = captured(samples, centres, 0.05)
    assert modes.captured == 25
    assert modes.high_quality == pytest.approx(
        1 - math.exp(-4.5), abs=0.006
    )  # chi^2 of two dimensions at 3 sigma
    assert modes.reverse_kl == pytest.approx(0, abs=1e-4)


def test_one_mode_and_noise():
    centres = torch.from_numpy(ring())
    samples = torch.cat([centres[3].repeat(30, 1), torch.full((69, 2), 7.0), torch.full((1, 2), math.nan)])
    assert captured(samples, centres, 0.01) == Modes(1, 0.3, pytest.approx(math.log(8)))
    assert captured(samples[30:], centres, 0.01) == Modes(0, 0.0, math.log(8))


def test_the_border_and_the_wider_one_of_1200_dimensions():
    samples = torch.zeros(1, 1200)
    samples[0, 0] = 5
    centres = torch.zeros(2, 1200)
    centres[1] = 100
    assert captured(samples, centres, 1.0).captured == 0
    assert captured(samples, centres, 1.0, within=5).captured == 1
