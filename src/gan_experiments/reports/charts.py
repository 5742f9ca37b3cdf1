"""The figures of a report's page: each a title and an SVG picture."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

from gan_experiments.figures import direction, number
from gan_experiments.plain import plain
from gan_experiments.reports.budget import Pool
from gan_experiments.reports.groups import Group
from gan_experiments.reports.plots import COLOURS, Line, boxes, plot
from gan_experiments.reports.rows import by_protocol
from gan_experiments.reports.sensitivity import effects
from gan_experiments.reports.table import Table
from gan_experiments.reports.text import cut

PLOTS = 9  # figures over training
SETTINGS = 4  # box plots of a model


def colours(groups: list[Group], final: list[Table]) -> dict[int, int]:
    """A colour for each of the best groups by the first table's first figure; keys are identities of groups."""
    order = list(groups)
    if len(groups) > COLOURS and final and (primary := final[0].primary):
        means = {id(row.group): row.figures[primary].mean for row in final[0].rows if primary in row.figures}
        worst = -math.inf * direction(primary)
        known = {id(g): m if math.isfinite(m := means.get(id(g), worst)) else worst for g in groups}
        order.sort(key=lambda group: -direction(primary) * known[id(group)])
    return {id(group): colour for colour, group in enumerate(order[:COLOURS])}


def over_training(
    table: Table, key: str, groups: list[Group], colours: dict[int, int]
) -> list[dict[str, Any]]:
    """Every figure over the images seen, a line a group."""
    plots = []
    for name in [name for name in table.figures if direction(name)][:PLOTS]:
        lines = [
            line for index, group in enumerate(groups) if (line := _line(name, key, group, index, colours))
        ]
        if any(len(line.points) > 1 for line in lines) and (svg := plot(name, lines, "images seen")):
            plots.append({"title": f"{name} {'↑' if direction(name) > 0 else '↓'}", "svg": svg})
    return plots


def _line(name: str, key: str, group: Group, index: int, colours: dict[int, int]) -> Line | None:
    """The mean over a group's seeds and their range, at the budgets that most of them have reached."""
    points: dict[int, list[float]] = defaultdict(list)
    for run in group.runs:
        for row in by_protocol(run).get(key, []):
            value = row["metrics"].get(name, math.nan)
            if math.isfinite(value):
                points[row["images_seen"]].append(value)
    most = max(map(len, points.values()), default=0)
    seen = sorted(x for x, values in points.items() if len(values) == most)
    if not seen:
        return None
    means = [(float(x), math.fsum(value / most for value in points[x])) for x in seen]
    band = [(float(x), min(points[x]), max(points[x])) for x in seen] if most > 1 else []
    return Line(line_name(group), means, band, colours.get(id(group)), f"g{index}")


def line_name(group: Group) -> str:
    """A group's name without the names of its settings: room is short beside a line."""
    return " ".join(cut(value, 40) for value in group.label.values()) or group.name


def by_budget(table: Table, made: list[Pool]) -> dict[str, Any] | None:
    """The best of the first figure to expect from one run, two, and so on; None where no model has runs enough."""
    if not made or table.primary is None:
        return None
    word = "least" if direction(table.primary) < 0 else "greatest"
    lines = [
        Line(
            pool.name.partition("=")[2] or pool.name,
            [(k, mean) for k, (mean, _) in enumerate(pool.curve, 1)],
            [(k, mean - spread, mean + spread) for k, (mean, spread) in enumerate(pool.curve, 1)],
            index if index < COLOURS else None,
        )
        for index, pool in enumerate(made)
    ]
    cost = sum(pool.seconds * len(pool.runs) for pool in made) / sum(len(pool.runs) for pool in made)
    note = (
        f"The {word} {plain(table.primary)} that so many runs of a model can be expected to reach, exactly, over all draws "
        f"with replacement from the runs made; the band is one standard deviation. A run took {number(cost)} seconds on average."
    )
    svg = plot(table.primary, lines, "runs")
    return {"title": f"Expected {word} {plain(table.primary)}", "svg": svg, "note": note} if svg else None


def by_settings(table: Table, made: list[Pool]) -> list[dict[str, Any]]:
    """Box plots of the first figure: over all runs of each pool, and by the settings on which it hangs most."""
    name, figures = plain(table.primary or ""), []
    over = {pool.name.partition("=")[2] or pool.name: [value for _, value in pool.runs] for pool in made}
    effective = [(pool, effects(pool, direction(table.primary or ""))) for pool in made]
    if any(ranked for _, ranked in effective) and (svg := boxes(name, over)):
        figures.append({"title": f"{name} over all settings", "svg": svg, "note": ""})
    for pool, ranked in effective:
        for effect in ranked[:SETTINGS]:
            title = f"{pool.name}: {name} by {plain(effect.setting)}"
            note = (
                f"{effect.share:.0%} of the ranks' variance, {effect.chance:.0%} by chance, p {effect.p:.2g}"
            )
            if svg := boxes(title, effect.groups):
                figures.append({"title": title, "svg": svg, "note": note})
    return figures
