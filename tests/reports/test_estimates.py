"""Means, errors and who is better."""

from __future__ import annotations

import math

import pytest

from gan_experiments.reports.figures import Estimate, leaders


def test_one_seed_has_the_error_of_its_evaluation() -> None:
    assert Estimate.of([3.0], [0.25]) == Estimate(3.0, 0.25, None, 1)
    assert Estimate.of([3.0], [None]) == Estimate(3.0, None, None, 1)


def test_several_seeds_have_the_error_of_their_mean() -> None:
    estimate = Estimate.of([1.0, 2.0, 6.0], [None, None, None])
    spread = math.sqrt((4 + 1 + 9) / 2)
    assert (estimate.mean, estimate.count) == (3.0, 3)
    assert estimate.spread == pytest.approx(spread)
    assert estimate.error == pytest.approx(spread / math.sqrt(3))


def test_seeds_that_agree_by_chance_keep_the_error_of_their_evaluations() -> None:
    assert Estimate.of([2.0, 2.0], [0.3, 0.4]).error == pytest.approx(0.25)  # sqrt(.09 + .16) / 2


def estimates(*pairs: tuple[float, float | None]) -> dict[int, Estimate]:
    return {index: Estimate(mean, error, None, 1) for index, (mean, error) in enumerate(pairs)}


def test_better_means_by_more_than_two_standard_errors() -> None:
    # hypot(3, 4) = 5, so 10 is the most that is not better
    assert leaders("fd", estimates((20, 3), (30, 4), (30.1, 4))) == {0, 1}
    assert leaders("recall", estimates((20, 3), (30, 4), (19.9, 3))) == {0, 1}


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert leaders("fd", estimates((20, None), (30, 1))) == set()
    assert leaders("diversity", estimates((0.2, 0.01), (0.9, 0.01))) == set()
    assert leaders("fd", estimates((20, 3), (21, 3))) == set()
    assert leaders("fd", estimates((math.nan, 3), (20, 3))) == {1}
    assert leaders("fd", {}) == set()
