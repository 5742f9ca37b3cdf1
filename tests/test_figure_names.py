"""Figures by their names, and as a table."""

from __future__ import annotations

import pytest

from gan_experiments.figures import direction, error_of, is_reported, table


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


def test_a_figure_of_a_direction_has_its_error_under_that_direction() -> None:
    metrics = {"a_to_b/fd_lenet": 3.0, "a_to_b/fd_se_lenet": 0.5, "b_to_a/fid_se": 0.25, "fd_se_lenet": 9.0}
    assert error_of("a_to_b/fd_lenet", metrics) == 0.5
    assert error_of("b_to_a/fid", metrics) == 0.25
    assert error_of("b_to_a/kid", metrics) is None


def test_an_evaluation_stands_beside_real_test_images() -> None:
    metrics = {"fd": 28.291, "fd_se": 0.4512, "fd_unbiased": 27.9, "precision": 0.36127, "a_to_b/kid": 3.4}
    floor = {"fd": 8.1, "precision": 1.0}
    assert table("step 500", metrics, floor).splitlines() == [
        "step 500    samples       real test images",
        "fd          28.29 ± 0.45  8.1",
        "precision   0.3613        1",
        "a_to_b/kid  3.4",
    ]
    assert table("step 500", {"modes": 8.0}, {}).splitlines() == ["step 500  samples", "modes     8"]
