"""Means, errors and who is better."""

from __future__ import annotations

import math

import pytest

from gan_experiments.reports.figures import Estimate, direction, error_of, is_reported, leaders


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


@pytest.mark.parametrize(
    ("name", "sign"),
    [("fid", -1), ("fd_lenet", -1), ("kid", -1), ("mind_lenet", -1), ("mode_kl_lenet", -1), ("recall_lenet", 1), ("is", 1),
     ("modes", 1), ("diversity", 0), ("seconds", 0), ("a_to_b/kid_lenet", -1), ("b_to_a/ssim", 1),
     ("a_to_b/l1", -1)],
)  # fmt: skip
def test_direction(name: str, sign: int) -> None:
    assert direction(name) == sign


def test_errors_and_corrections_have_no_column() -> None:
    names = ["fd_lenet", "fd_se_lenet", "fd_unbiased_lenet", "is_std", "recall"]
    assert [name for name in names if is_reported(name)] == ["fd_lenet", "recall"]
    assert error_of("fd_lenet", {"fd_se_lenet": 0.5}) == 0.5
    assert error_of("fid", {"fid_se": 0.25}) == 0.25
    assert error_of("recall", {}) is None


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


def test_a_figure_of_a_direction_has_its_error_under_that_direction() -> None:
    metrics = {"a_to_b/fd_lenet": 3.0, "a_to_b/fd_se_lenet": 0.5, "b_to_a/fid_se": 0.25, "fd_se_lenet": 9.0}
    assert error_of("a_to_b/fd_lenet", metrics) == 0.5
    assert error_of("b_to_a/fid", metrics) == 0.25
    assert error_of("b_to_a/kid", metrics) is None
