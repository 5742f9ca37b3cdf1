"""How much a figure hangs on each setting, over the runs of a sweep or search."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from gan_experiments.figures import direction, number
from gan_experiments.plain import plain
from gan_experiments.reports.budget import Pool
from gan_experiments.reports.text import cut

FEWEST = 8  # runs of a pool
PARTS = 3  # that the values of a setting are put into where they are many
MANY = 5


@dataclass
class Effect:
    """A setting, and a pool's figures by its values (or by thirds of them, from low to high).

    share: of the variance of the figures' ranks, what lies between these groups (eta squared of Kruskal and Wallis);
    chance: what that would be on average if the setting did nothing; p: of that.
    """

    setting: str
    groups: dict[str, list[float]]
    share: float
    chance: float
    p: float


def effects(pool: Pool, sign: int) -> list[Effect]:
    """Of every setting that differs among the runs of a pool, the largest first; empty for few runs.

    A run that diverged ranks behind all others. `sign`: -1 where lower figures are better, 1 where higher.
    """
    runs = [(row.group.choices | row.group.settings, value) for row, value in pool.runs]
    if len(runs) < FEWEST:
        return []
    figures = np.array([value if math.isfinite(value) else -sign * math.inf for _, value in runs])
    made: list[Effect] = []
    splits: set[tuple[int, ...]] = set()
    for key in dict.fromkeys(key for settings, _ in runs for key in settings):
        names = _parts([settings.get(key, "-") for settings, _ in runs])
        kinds = list(dict.fromkeys(names))
        split = tuple(kinds.index(name) for name in names)
        if not 1 < len(kinds) < len(runs) or split in splits or len(set(figures)) == 1:
            continue  # what divides the runs as another setting does, an option and its values, is said once
        splits.add(split)
        groups: dict[str, list[float]] = defaultdict(list)
        for name, value in sorted(
            zip(names, figures.tolist(), strict=True), key=lambda pair: _order(pair[0])
        ):
            groups[name].append(value)
        h, p = stats.kruskal(*groups.values())
        chance = (len(groups) - 1) / (len(runs) - 1)
        made.append(Effect(key, dict(groups), float(h) / (len(runs) - 1), chance, float(p)))
    return sorted(made, key=lambda effect: -effect.share)


def _parts(values: Sequence[str]) -> list[str]:
    """For each value its own name, or where many numbers differ the range of the third that it is in."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return [cut(value, 24) for value in values]
    ordered = sorted(set(numbers))
    if len(ordered) <= MANY or not all(map(math.isfinite, ordered)):
        return [number(value) for value in numbers]
    parts = [part.tolist() for part in np.array_split(ordered, PARTS)]
    return [next(_range(part) for part in parts if value <= part[-1]) for value in numbers]


def _range(part: Sequence[float]) -> str:
    return f"{part[0]:.2g} to {part[-1]:.2g}"


def _order(name: str) -> tuple[float, str]:
    try:
        return float(name.partition(" ")[0]), name
    except ValueError:
        return math.inf, name


def effect_cells(pools: Sequence[Pool], figure: str) -> list[list[str]]:
    """A line a pool and setting: the medians of the figure by value, the share of its variance, what chance gives."""
    lines = [["runs", "setting", f"median {figure} by value", "share", "by chance", "p"]]
    for pool in pools:
        for effect in effects(pool, direction(figure)):
            medians = (f"{name}: {number(float(np.median(v)))}" for name, v in effect.groups.items())
            shares = [f"{effect.share:.2f}", f"{effect.chance:.2f}", f"{effect.p:.2g}"]
            lines.append([pool.name, plain(effect.setting), ", ".join(medians), *shares])
    return lines if len(lines) > 1 else []
