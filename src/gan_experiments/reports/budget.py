"""The best figure that a budget of runs can be expected to reach (Lucic et al. 2018, "Are GANs created equal?")."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gan_experiments.figures import direction, number
from gan_experiments.plain import plain
from gan_experiments.reports.rows import Row
from gan_experiments.reports.table import Table
from gan_experiments.reports.text import cut

FEWEST = 3  # runs of a pool


def expected_best(values: Sequence[float], sign: int = -1) -> list[tuple[float, float]]:
    """Expectation and standard deviation of the best of k runs, for k from 1 to the number of values.

    The k runs are drawn with replacement from those that were made. With the values sorted from best to worst, all k
    are no better than the i-th of n with probability ((n - i) / n)^k, i from 0, so that nothing is sampled. `sign`:
    -1 where lower is better, 1 where higher is. Values that are not finite (diverged runs) count as the worst of the
    others; empty where there are none.
    """
    finite = sorted((value for value in values if math.isfinite(value)), key=lambda value: -sign * value)
    if not finite:
        return []
    ordered = finite + [finite[-1]] * (len(values) - len(finite))
    count = len(ordered)
    curve = []
    for k in range(1, count + 1):
        weights = [((count - i) / count) ** k - ((count - i - 1) / count) ** k for i in range(count)]
        mean = math.fsum(w * value for w, value in zip(weights, ordered, strict=True))
        variance = math.fsum(w * (value - mean) ** 2 for w, value in zip(weights, ordered, strict=True))
        curve.append((mean, math.sqrt(variance)))
    return curve


@dataclass
class Pool:
    """The runs of one model (of the first option that tells groups apart, or all), whatever else they differ in.

    runs: each with the row that it stands in, and its primary figure.
    """

    name: str
    runs: list[tuple[Row, float]]
    curve: list[tuple[float, float]]
    images: float  # that a run sees
    seconds: float  # that it takes


def pools(table: Table) -> list[Pool]:
    """The pools of a table with at least FEWEST runs, by its primary figure; empty where it has none."""
    primary = table.primary
    by_name: dict[str, list[Row]] = {}
    for row in table.rows:
        options = (key for key in row.group.label if key in row.group.choices)
        name = next((f"{plain(key)}={cut(row.group.label[key])}" for key in options), "all runs")
        by_name.setdefault(name, []).append(row)
    made = []
    for name, rows in by_name.items():
        runs = [(row, value) for row in rows for value in row.values.get(primary or "", {}).values()]
        curve = expected_best([value for _, value in runs], direction(primary)) if primary else []
        if len(runs) >= FEWEST and curve:
            count = sum(row.seeds for row in rows)
            images, seconds = (
                sum(row.costs[name] * row.seeds for row in rows) / count for name in ("images", "seconds")
            )
            made.append(Pool(name, runs, curve, images, seconds))
    return made


def budget_cells(made: Sequence[Pool]) -> list[list[str]]:
    """A line a pool: the expected best with its deviation for 1, 2, 4, ... runs, and what a run costs."""
    longest = max(len(pool.curve) for pool in made)
    budgets = [2**i for i in range(longest.bit_length()) if 2**i <= longest]
    lines = [["runs", *map(str, budgets), "images a run", "seconds a run"]]
    for pool in made:
        known = [pool.curve[k - 1] for k in budgets if k <= len(pool.curve)]
        cells = [f"{number(mean)} ± {number(spread, spread)}" for mean, spread in known]
        cells += [""] * (len(budgets) - len(cells))
        lines.append([pool.name, *cells, f"{pool.images:,.0f}", f"{pool.seconds:.0f}"])
    return lines
