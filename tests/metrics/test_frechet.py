from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from gan_experiments.metrics import frechet
from gan_experiments.metrics.frechet import Gaussian, Moments, extrapolated, frechet_distance, standard_error


def gaussian(mean, covariance) -> Gaussian:
    """A Gaussian that is known and not estimated."""
    covariance = torch.tensor(covariance, dtype=torch.float64)
    return Gaussian(10**9, torch.tensor(mean, dtype=torch.float64), covariance)


def fitted(features: torch.Tensor) -> Gaussian:
    return Gaussian.of(Moments.of(features), features)


def rows(count: int, dimensions: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    """Correlated features, float32."""
    generator = torch.Generator().manual_seed(seed)
    mix = torch.randn(dimensions, dimensions, generator=generator) / math.sqrt(dimensions)
    return torch.randn(count, dimensions, generator=generator) @ mix + shift


def test_closed_forms():
    a = gaussian([0, 0], [[1, 0], [0, 4]])
    assert frechet_distance(gaussian([1, 2], [[4, 0], [0, 9]]), a) == pytest.approx(7, abs=1e-12)
    b, c = gaussian([0, 0], [[2, 1], [1, 2]]), gaussian([0, 0], [[3, 0], [0, 1]])
    assert frechet_distance(b, c) == pytest.approx(0.51668523, abs=5e-9)
    assert frechet_distance(b, c) == pytest.approx(frechet_distance(c, b), abs=1e-12)
    assert frechet_distance(b, b) == pytest.approx(0, abs=1e-12)


def test_moments_join_to_those_of_all_rows():
    features = rows(5001, 7, seed=0, shift=100.0)
    moments = Moments.of(features)
    exact = features.double().numpy()
    assert moments.count == 5001
    np.testing.assert_allclose(moments.mean, exact.mean(0), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(exact, rowvar=False), rtol=1e-11, atol=1e-13)
    parts = Moments.of(features[:10]) + Moments.of(features[10:])
    np.testing.assert_allclose(parts.covariance, moments.covariance, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("generated", "real"), [(500, 400), (30, 400), (400, 30), (30, 20), (64, 64), (65, 65), (2, 100), (2, 2)]
)
def test_equal_to_torch_fidelity_and_to_the_singular_values(generated, real, monkeypatch):
    """Above, at and below the 64 dimensions; the reference libraries themselves lose 1e-5 where singular."""
    monkeypatch.setattr(frechet, "STRIP", 20)
    ours, theirs = rows(generated, 64, seed=1, shift=0.1), rows(real, 64, seed=2)
    distance = frechet_distance(fitted(ours), fitted(theirs))
    reference = fid_statistics_to_metric(
        fid_features_to_statistics(ours), fid_features_to_statistics(theirs), verbose=False
    )
    assert distance == pytest.approx(reference["frechet_inception_distance"], rel=1e-5)
    x, y = (f.double().numpy() - f.double().numpy().mean(0) for f in (ours, theirs))
    x, y = x / math.sqrt(generated - 1), y / math.sqrt(real - 1)
    shift = ours.double().mean(0) - theirs.double().mean(0)
    exact = float(shift.square().sum()) + (x * x).sum() + (y * y).sum()
    exact -= 2 * scipy.linalg.svdvals(x @ y.T).sum()
    assert distance == pytest.approx(exact, rel=1e-7)


def test_dead_features_and_collapsed_samples():
    ours, theirs = rows(300, 16, seed=1), rows(300, 16, seed=2)
    expected = frechet_distance(fitted(ours), fitted(theirs))
    padded = [torch.cat([f, torch.zeros(300, 4)], 1) for f in (ours, theirs)]  # four features that never fire
    assert frechet_distance(*map(fitted, padded)) == pytest.approx(expected, rel=1e-9)
    one = ours[:1].repeat(300, 1)
    exact = float(
        (one[0].double() - theirs.double().mean(0)).square().sum() + fitted(theirs).covariance.trace()
    )
    assert frechet_distance(fitted(one), fitted(theirs)) == pytest.approx(exact, rel=1e-9)
    assert standard_error(one, fitted(one), fitted(theirs)) is None


def simulate(dimensions: int, count: int, repeats: int, decay: float):
    """Distances to a known Gaussian over repeated draws, their standard errors and extrapolations; the truth."""
    generator = torch.Generator().manual_seed(dimensions + count)
    spectrum = torch.linspace(0, -decay, dimensions, dtype=torch.float64).exp()
    turned = torch.randn(dimensions, dimensions, generator=generator, dtype=torch.float64)
    turned = torch.linalg.qr(turned)[0]
    covariance = 0.7 * spectrum.diag() + 0.2 * turned @ spectrum.diag() @ turned.T
    mean = 0.1 * torch.randn(dimensions, generator=generator, dtype=torch.float64)
    real = gaussian([0.0] * dimensions, spectrum.diag().tolist())
    law = gaussian(mean.tolist(), covariance.tolist())
    figures = []
    for _ in range(repeats):
        draws = torch.randn(count, dimensions, generator=generator, dtype=torch.float64) @ law.factor + mean
        fit = fitted(draws)
        error = standard_error(draws, fit, real)
        distance = frechet_distance(fit, real)
        limit = extrapolated(Moments.quarters(draws), real, distance, error) if error is not None else None
        figures.append((distance, error, limit))
    return (*zip(*figures, strict=True), frechet_distance(law, real))


@pytest.mark.parametrize(("dimensions", "count", "decay"), [(16, 1000, 3), (64, 640, 8), (64, 1300, 3)])
def test_standard_error_and_extrapolation_by_simulation(dimensions, count, decay):
    distances, errors, limits, truth = simulate(dimensions, count, 60, decay)
    spread, mean = np.std(distances, ddof=1), np.mean(distances)
    assert np.mean(errors) == pytest.approx(spread, rel=0.3)  # a spread of 60 has a standard error of 9%
    assert mean - truth > 2 * spread / math.sqrt(60)  # the bias is there ...
    limits = [limit for limit in limits if limit is not None]
    assert len(limits) > 40
    assert abs(np.mean(limits) - truth) < 0.5 * spread  # ... and gone
    assert np.std(limits, ddof=1) < 1.5 * spread


def test_the_standard_error_just_above_the_dimension_is_not_too_small():
    distances, errors, limits, _ = simulate(64, 100, 60, decay=3)
    assert 0.8 < np.mean(errors) / np.std(distances, ddof=1) < 1.6
    assert set(limits) == {None}  # a quarter has fewer rows than dimensions


def test_below_the_dimension_neither_is_given():
    _, errors, limits, _ = simulate(64, 60, 2, decay=3)
    assert set(errors) == set(limits) == {None}


def test_where_the_law_does_not_hold_no_limit_is_given():
    _, _, limits, _ = simulate(128, 4 * 128 + 4, 5, decay=1)
    assert set(limits) == {None}
