"""How sure differences are: against scipy on the same numbers, by hand, and in a table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gan_experiments.reports import grouped, tables
from gan_experiments.reports.differences import difference, difference_cells, holm
from reporting import make_run

ROW: Any = None


def test_shared_seeds_are_compared_in_pairs() -> None:
    made = difference(ROW, {"0": 12.0, "1": 23.0, "2": 31.0, "7": 99.0}, {"0": 10.0, "1": 20.0, "2": 30.0})
    assert made is not None
    assert (made.mean, made.shared) == (2.0, 3)
    assert made.error == pytest.approx(1 / math.sqrt(3))
    assert made.p == pytest.approx(stats.ttest_rel([12, 23, 31], [10, 20, 30]).pvalue)
    assert made.p == pytest.approx(1 - math.sqrt(12 / (12 + 2)))  # Student's with two degrees of freedom


def test_other_seeds_are_compared_by_welch() -> None:
    made = difference(ROW, {"0": 12.0, "1": 23.0, "2": math.nan}, {"2": 10.0, "3": 20.0, "4": 33.0})
    assert made is not None
    assert made.shared == 0
    assert made.p == pytest.approx(stats.ttest_ind([12, 23], [10, 20, 33], equal_var=False).pvalue)


def test_one_seed_says_nothing_and_equal_values_are_certain() -> None:
    assert difference(ROW, {"0": 1.0}, {"0": 2.0, "1": 3.0}) is None
    same, other = (difference(ROW, {"0": v, "1": v}, {"0": 1.0, "1": 1.0}) for v in (1.0, 2.0))
    assert same is not None
    assert other is not None
    assert (same.p, other.p) == (1.0, 0.0)


def test_holm_by_hand() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=6))
def test_holm_lies_between_each_test_alone_and_bonferroni(values: list[float]) -> None:
    for alone, together in zip(values, holm(values), strict=True):
        assert alone <= together <= min(1.0, len(values) * alone) or together == pytest.approx(
            max(holm(values))
        )


def test_every_row_stands_against_the_best(tmp_path: Path) -> None:
    figures = {"gan": [40.0, 44.0], "san": [20.0, 22.0], "vae": [90.0]}
    runs = [
        make_run(tmp_path / f"{model}{seed}", {"model": model}, {"seed": seed}, [{"fd": value}])
        for model, values in figures.items()
        for seed, value in enumerate(values)
    ]
    (table,) = tables(grouped(runs))
    p = stats.ttest_rel([40, 44], [20, 22]).pvalue
    assert difference_cells(table) == [
        ["against model=san", "difference in fd", "seeds shared", "p", "p of all (Holm)"],
        ["model=gan", "21.0 ± 1.0", "2", f"{p:.2g}", f"{p:.2g}"],
    ]
    assert difference_cells(tables(grouped(runs[:2]))[0]) == []
