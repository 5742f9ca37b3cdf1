"""How sure it is that the best row is better than the others: differences, over shared seeds where there are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gan_experiments.figures import direction, number
from gan_experiments.reports.rows import Row
from gan_experiments.reports.table import Table

FEWEST = 2  # seeds of a row


@dataclass
class Difference:
    """A row's figure less the best row's: its mean and standard error; `shared` seeds, of which both have a value.

    p: of Student's test of pairs where at least two seeds are shared, else of Welch's test; two-sided, as it is.
    """

    row: Row
    mean: float
    error: float
    shared: int
    p: float


def difference(row: Row, values: Mapping[str, float], best: Mapping[str, float]) -> Difference | None:
    """Between two rows' values by seed; None where fewer than two seeds of either are finite."""
    here = {seed: value for seed, value in values.items() if math.isfinite(value)}
    there = {seed: value for seed, value in best.items() if math.isfinite(value)}
    if min(len(here), len(there)) < FEWEST:
        return None
    shared = sorted(here.keys() & there.keys())
    with np.errstate(all="ignore"):  # values that are all the same
        if len(shared) >= FEWEST:
            pairs = np.array([(here[seed], there[seed]) for seed in shared])
            apart = pairs[:, 0] - pairs[:, 1]
            mean, error = float(apart.mean()), float(apart.std(ddof=1) / math.sqrt(len(apart)))
            p = float(stats.ttest_1samp(apart, 0.0).pvalue) if error else float(mean == 0)
            return Difference(row, mean, error, len(shared), p)
        a, b = np.array([*here.values()]), np.array([*there.values()])
        error = math.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        mean = float(a.mean() - b.mean())
        p = float(stats.ttest_ind(a, b, equal_var=False).pvalue) if error else float(mean == 0)
        return Difference(row, mean, error, len(shared), p)


def holm(values: Sequence[float]) -> list[float]:
    """p-values of so many tests, each as large as it has to be for all of them together (Holm 1979)."""
    adjusted = [0.0] * len(values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = largest
    return adjusted


def difference_cells(table: Table) -> list[list[str]]:
    """A line for every whole row but the best by the table's first figure; empty where there is nothing to say."""
    name = table.primary
    if name is None:
        return []
    rows = [row for row in table.rows if row.whole and math.isfinite(_mean(row, name))]
    if len(rows) < 2:
        return []
    best = max(rows, key=lambda row: direction(name) * _mean(row, name))
    others = [difference(row, row.values[name], best.values[name]) for row in rows if row is not best]
    made = [one for one in others if one is not None]
    lines = [[f"against {best.group.name}", f"difference in {name}", "seeds shared", "p", "p of all (Holm)"]]
    for one, together in zip(made, holm([one.p for one in made]), strict=True):
        apart = f"{number(one.mean, one.error)} ± {number(one.error, one.error)}"
        lines.append([one.row.group.name, apart, str(one.shared), f"{one.p:.2g}", f"{together:.2g}"])
    return lines if made else []


def _mean(row: Row, name: str) -> float:
    return row.figures[name].mean if name in row.figures else math.nan
