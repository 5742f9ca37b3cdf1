from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.training import separability


def test_separable_scores_have_no_violation_and_the_gap_is_the_distance() -> None:
    fake = torch.tensor([0.0, 1.0, 2.0])
    violation, gap = separability.separability(fake + 0.5, fake)
    assert violation == 0
    assert gap == pytest.approx(0.5)


def test_reversed_scores_violate_fully() -> None:
    violation, gap = separability.separability(torch.tensor([-2.0, -1.0]), torch.tensor([1.0, 2.0]))
    assert violation == 1
    assert gap == pytest.approx(-3.0)


def test_crossing_distributions() -> None:
    # F_real is 1/2 from -1 on, F_fake is 0 until 0: the largest excess is 1/2.
    violation, gap = separability.separability(torch.tensor([-1.0, 1.0]), torch.tensor([0.0, 0.0]))
    assert violation == pytest.approx(0.5)
    assert gap == 0


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=20), st.floats(0, 5, width=32))
def test_a_shift_upwards_never_violates(scores: list[float], shift: float) -> None:
    fake = torch.tensor(scores)
    violation, gap = separability.separability(fake + shift, fake)
    assert violation == 0
    assert gap == pytest.approx(shift, abs=1e-4)


def test_figure_shows_both_distributions() -> None:
    figure = separability.figure(torch.randn(10), torch.randn(20), step=7)
    (axes,) = figure.axes
    assert [line.get_label() for line in axes.lines] == ["real", "generated"]
    assert "step 7" in axes.get_title()
