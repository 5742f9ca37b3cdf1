from __future__ import annotations

import pytest
import torch
from prdc import compute_prdc
from torch_fidelity.metric_prc import prc_features_to_metric

from gan_experiments.metrics import neighbours as module
from gan_experiments.metrics.neighbours import Cloud, Manifold, nearest, neighbours


def compare(generated: torch.Tensor, real: torch.Tensor):
    return neighbours(generated, Manifold.of(real))


def naive(generated: torch.Tensor, real: torch.Tensor) -> dict[str, float]:
    """The definitions, in float64 from differences."""

    def distances(a, b):
        return torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")

    def radius(a, k):
        return distances(a, a).kthvalue(k + 1, dim=1).values

    cross = distances(generated, real)
    near = cross <= radius(real, 5)
    return {
        "precision": float((cross <= radius(real, 3)).any(1).double().mean()),
        "recall": float((cross <= radius(generated, 3)[:, None]).any(0).double().mean()),
        "density": float(near.double().sum() / (5 * len(generated))),
        "coverage": float(near.any(0).double().mean()),
    }


def rows(count: int, dimensions: int, seed: int, shift: float = 0.0) -> torch.Tensor:
    return torch.randn(count, dimensions, generator=torch.Generator().manual_seed(seed)) + shift


@pytest.mark.parametrize("tile", [2048, 70])
@pytest.mark.parametrize(("generated", "real"), [(300, 300), (120, 400), (400, 6)])
def test_equal_to_the_definitions(generated, real, tile, monkeypatch):
    monkeypatch.setattr(module, "TILE", tile)
    ours, theirs = rows(generated, 8, 1, shift=50.2), rows(real, 8, 2, shift=50)
    expected = naive(ours, theirs)
    assert vars(compare(ours, theirs)) == pytest.approx(expected, abs=1e-12)
    assert 0 < expected["precision"] < 1


def test_equal_to_torch_fidelity():
    ours, theirs = rows(500, 16, 1, shift=0.4), rows(500, 16, 2)
    reference = prc_features_to_metric(ours, theirs, verbose=False)
    values = compare(ours, theirs)
    assert (values.precision, values.recall) == pytest.approx(
        (reference["precision"], reference["recall"]), abs=1e-6
    )


@pytest.mark.parametrize("shift", [0.2, 1.0])
def test_density_and_coverage_equal_to_those_of_their_authors(shift):
    ours, theirs = rows(500, 16, 1, shift), rows(400, 16, 2)
    reference = compute_prdc(theirs.numpy(), ours.numpy(), nearest_k=5)
    values = compare(ours, theirs)
    assert values.density == pytest.approx(reference["density"], abs=1e-12)
    assert values.coverage == pytest.approx(reference["coverage"], abs=1e-12)
    assert 0 < values.coverage < 1
    reference = compute_prdc(theirs.numpy(), ours.numpy(), nearest_k=3)
    assert (values.precision, values.recall) == (reference["precision"], reference["recall"])


@pytest.mark.parametrize(
    ("generated", "real", "precision", "recall"),
    [
        ([0.5, 10, 10.5, 11], [0, 1, 2, 3], 0.25, 1.0),
        ([0, 1, 2, 3], [0, 1, 2, 3], 1.0, 1.0),
        ([0, 0.1, 0.2, 0.3], [0, 1, 2, 10], 1.0, 0.25),
    ],
)
def test_points_on_a_line_with_one_neighbour(generated, real, precision, recall, monkeypatch):
    monkeypatch.setattr(module, "NEAREST", 1)
    monkeypatch.setattr(module, "NEAREST_DENSITY", 2)
    values = compare(*(torch.tensor(points, dtype=torch.float32)[:, None] for points in (generated, real)))
    assert (values.precision, values.recall) == (precision, recall)


def test_borderline_decisions_are_those_of_float64():
    """Integer points far from the centre: ties everywhere, and float32 products that miss them."""
    generator = torch.Generator().manual_seed(0)
    ours, theirs = (torch.randint(0, 4, (400, 5), generator=generator).float() for _ in range(2))
    outlier = torch.full((1, 5), 3000.0)
    theirs = torch.cat([theirs, outlier])
    assert vars(compare(ours, theirs)) == pytest.approx(naive(ours, theirs), abs=1e-12)


@pytest.mark.parametrize("tile", [2048, 30])
def test_float32_alone_would_not_do(tile, monkeypatch):
    """What the check in float64 is for: squared distances of 1 at norms of 1e4 vanish in float32."""
    monkeypatch.setattr(module, "TILE", tile)
    points = rows(50, 4, 0) * 0.01 + torch.tensor([100.0, 0, 0, 0])
    mirrored = torch.cat([points, -points])
    exact = torch.cdist(mirrored.double(), mirrored.double(), compute_mode="donot_use_mm_for_euclid_dist")
    expected = exact.sort(dim=1)
    manifold = Manifold.of(mirrored)
    for radius, k in ((manifold.third, 3), (manifold.fifth, 5)):
        torch.testing.assert_close(radius.sqrt(), expected.values[:, k], rtol=1e-12, atol=0)
    found, places = nearest(mirrored, mirrored, 6)
    torch.testing.assert_close(found, expected.values[:, :6], rtol=1e-12, atol=0)
    assert torch.equal(places, expected.indices[:, :6])
    cloud = Cloud(mirrored, mirrored.mean(0))
    first = next(cloud.tiles(cloud))
    part = exact.square()[first.rows, first.columns]
    assert (first.squared - part).abs().max() > expected.values[:, 5].square().max()


@pytest.mark.parametrize("tile", [2048, 30])
def test_nearest_of_others(tile, monkeypatch):
    monkeypatch.setattr(module, "TILE", tile)
    ours, theirs = rows(50, 8, 1), rows(90, 8, 2)
    expected = torch.cdist(ours.double(), theirs.double()).sort(dim=1)
    found, places = nearest(ours, theirs, 5)
    torch.testing.assert_close(found, expected.values[:, :5])
    assert torch.equal(places, expected.indices[:, :5])


def test_collapsed_samples():
    real = rows(200, 8, 0)
    values = compare(real[:1].repeat(200, 1), real)
    assert (values.precision, values.recall) == (1.0, 1 / 200)
    far = compare(torch.full((200, 8), 1e3), real)
    assert vars(far) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_too_few_features():
    with pytest.raises(ValueError, match="5 features have no 6 nearest"):
        compare(rows(10, 2, 0), rows(5, 2, 1))
