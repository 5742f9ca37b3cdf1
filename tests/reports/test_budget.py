"""The best of a budget of runs, exactly."""

from __future__ import annotations

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.reports.budget import expected_best


def test_four_runs() -> None:
    curve = expected_best([30, 10, 50, 20])
    assert [mean for mean, _ in curve] == pytest.approx([27.5, 19.375, 15.78125, 13.8671875])
    assert curve[0][1] == pytest.approx(statistics.pstdev([10, 20, 30, 50]))


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=4), st.sampled_from([-1, 1]))
def test_it_is_the_mean_over_every_draw(values: list[float], sign: int) -> None:
    best = min if sign < 0 else max
    for k, (mean, deviation) in enumerate(expected_best(values, sign), 1):
        drawn = [best(draw) for draw in itertools.product(values, repeat=k)]
        assert mean == pytest.approx(statistics.fmean(drawn), abs=1e-6)
        assert deviation == pytest.approx(statistics.pstdev(drawn), abs=1e-4)


def test_diverged_runs_count_as_the_worst() -> None:
    assert expected_best([10, math.nan, 30, math.inf]) == expected_best([10, 30, 30, 30])
    assert expected_best([math.nan]) == []
