from __future__ import annotations

import math

import pytest
import torch
from torch_fidelity.metric_isc import isc_features_to_metric

from gan_experiments.metrics.classes import (
    histogram,
    inception_score,
    kl_to_uniform,
    modes_reached,
    stacked_labels,
)


def test_inception_score_of_certain_and_of_constant_answers():
    """Logits so far apart that the probabilities underflow, and all the same."""
    mean, spread = inception_score(torch.eye(2).repeat(50, 1) * 2000)
    assert mean == pytest.approx(2, abs=0.2)  # ten rows in a split seldom have five of each
    assert spread < 0.2
    assert inception_score(torch.zeros(100, 10)) == pytest.approx((1, 0), abs=1e-12)
    assert inception_score(torch.eye(4)) == pytest.approx((1, 0), abs=1e-12)  # four splits of one row each


def test_inception_score_equal_to_torch_fidelity():
    logits = torch.randn(105, 7, generator=torch.Generator().manual_seed(0)) * 3
    reference = isc_features_to_metric(logits)
    ours = inception_score(logits)
    assert ours[0] == pytest.approx(reference["inception_score_mean"], abs=1e-12)
    assert ours[1] == pytest.approx(reference["inception_score_std"], abs=1e-12)


@pytest.mark.parametrize(
    ("probabilities", "score"),
    [(torch.eye(10), 10), (torch.full((4, 10), 0.1), 1), (torch.tensor([[0.7, 0.3], [0.3, 0.7]]), 1.0857629)],
)
def test_inception_score_of_one_split(probabilities, score, monkeypatch):
    monkeypatch.setattr("gan_experiments.metrics.classes.SPLITS", 1)
    assert inception_score(probabilities.double().log())[0] == pytest.approx(score, abs=5e-8)


@pytest.mark.parametrize(("modes", "kl"), [(1, 6.907755), (99, 2.3126), (150, 1.8971), (1000, 0)])
def test_kl_to_uniform(modes, kl):
    shares = histogram(torch.arange(modes).repeat(3), 1000)
    assert kl_to_uniform(shares) == pytest.approx(kl, abs=5e-5)
    assert modes_reached(shares) == modes


def test_kl_of_a_finite_sample():
    """Uniform draws have KL about (modes - 1) / 2n: 0.019 for stacked MNIST's 26,000 samples."""
    labels = torch.randint(1000, (26000,), generator=torch.Generator().manual_seed(0))
    assert kl_to_uniform(histogram(labels, 1000)) == pytest.approx(999 / 52000, rel=0.15)


def test_stacked_labels():
    digits = torch.tensor([[0, 0, 7], [1, 2, 3], [9, 9, 9]])
    assert stacked_labels(torch.nn.functional.one_hot(digits, 10).float()).tolist() == [7, 123, 999]
    assert math.log(1000) == pytest.approx(kl_to_uniform(histogram(torch.tensor([7, 7]), 1000)))
