"""The toy mixtures against their definitions."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gan_experiments.data import Loader, PointSet
from gan_experiments.data.points import grid, ring
from gan_experiments.errors import UserError
from gan_experiments.metrics.planar import captured


def load(compose: Any, option: str, *overrides: str, split: str = "train") -> PointSet:
    config, _ = compose(f"data={option}", *overrides)
    points = config.data.load(split, Path("nowhere"))
    assert isinstance(points, PointSet)
    return points


def test_the_ring_has_eight_distinct_modes_on_its_circle() -> None:
    centres = ring()
    distances = np.linalg.norm(centres[:, None] - centres, axis=2) + 9 * np.eye(8)
    assert distances.min() == pytest.approx(2 * math.sin(math.pi / 8))
    assert np.linalg.norm(centres, axis=1) == pytest.approx(np.ones(8))
    assert ring(4, 2) == pytest.approx(np.array([[2.0, 0], [0, 2], [-2, 0], [0, -2]]))


def test_the_grid_has_25_modes() -> None:
    assert sorted(set(grid().flatten().tolist())) == [-4, -2, 0, 2, 4]
    assert len(np.unique(grid(), axis=0)) == 25


@pytest.mark.parametrize(
    ("option", "modes", "dims", "sigma"),
    [("ring", 8, 2, 0.01), ("grid", 25, 2, 0.05), ("gaussian1d", 1, 1, 0.5)],
)
def test_moments_and_quality_of_real_points(
    option: str, modes: int, dims: int, sigma: float, compose: Any
) -> None:
    points = load(compose, option, "data.samples=20000", f"data.num_classes={modes}")
    assert points.images.shape == (20000, dims, 1, 1)
    assert points.images.dtype == np.float32
    assert points.labels is not None
    assert np.bincount(points.labels) == pytest.approx(np.full(modes, 20000 / modes), rel=0.2)
    offsets = points.images[:, :, 0, 0] - points.centres[points.labels]
    assert offsets.std(0) == pytest.approx(np.full(dims, sigma), rel=0.03)
    found = captured(
        torch.from_numpy(points.images).flatten(1), torch.from_numpy(points.centres), points.reach, 1
    )
    within = math.erf(3 / math.sqrt(2)) if dims == 1 else 1 - math.exp(-4.5)
    assert found.captured == modes
    assert found.high_quality == pytest.approx(within, abs=0.003)


def test_the_1200_dimensions(compose: Any) -> None:
    points = load(compose, "mixture1200", "data.samples=300", "data.num_classes=10")
    flat = points.images[:, :, 0, 0]
    assert (flat[:, 700:] == 0).all()
    assert (flat[:, :700] - points.centres[points.labels, :700]).std() == pytest.approx(0.01, rel=0.01)
    centres = torch.from_numpy(points.centres)
    apart = torch.cdist(centres, centres).fill_diagonal_(99).min()
    assert apart == pytest.approx(0.25 * math.sqrt(700))
    assert 2 * points.reach < apart  # no point is of high quality for two modes
    found = captured(torch.from_numpy(flat), centres, points.reach, 1)
    assert (found.captured, found.high_quality) == (10, 1.0)


def test_splits_differ_and_repeat(compose: Any) -> None:
    first, again = load(compose, "ring"), load(compose, "ring")
    assert first.digest == again.digest
    test = load(compose, "ring", split="test")
    assert (len(first), len(test)) == (100000, 10000)
    assert not np.array_equal(first.images[:10000], test.images)


def test_batches_are_the_points_themselves(compose: Any) -> None:
    points = load(compose, "grid", "data.samples=50")
    seen = torch.cat([Loader(points, 50, "cpu", seed=0, flip=False).next().images])
    assert seen.dtype == torch.float32
    stored = torch.from_numpy(points.images).flatten(1)
    assert sorted(seen.flatten(1).tolist()) == sorted(stored.tolist())
    assert seen.abs().max() > 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.samples=3", "data.samples must be at least 10"),
        ("data.sigma=0", "data.sigma must be above 0"),
        ("data.modes=0", "data.modes must be at least 1"),
        ("data.channels=3", "points of 2 coordinates"),
        ("data.flip=true", "leave data.channels, data.image_size and data.flip"),
    ],
)
def test_refuses_values_that_make_no_sense(override: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("data=ring", override)
