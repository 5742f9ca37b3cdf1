"""Tables of groups and their figures: one table a protocol, since figures of different protocols do not compare."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gan_experiments.reports.figures import Estimate, error_of, is_shown, leaders
from gan_experiments.reports.groups import Group

OUTCOMES = ("mode_histogram", "non_finite", "ema")  # parts of a protocol that differ from run to run


@dataclass
class Row:
    """A group of runs with the figures of their last evaluations under one protocol."""

    group: Group
    figures: dict[str, Estimate]
    seeds: int  # runs that have been evaluated so
    images_seen: int
    seconds: float


@dataclass
class Table:
    """Groups whose figures compare; `protocol` says how they were made, `floor` what real images would score."""

    rows: list[Row]
    protocol: dict[str, Any]
    floor: dict[str, float]

    @property
    def figures(self) -> list[str]:
        return [name for name in dict.fromkeys(n for row in self.rows for n in row.figures) if is_shown(name)]

    def best(self, name: str) -> set[int]:
        """The rows that no other beats in this figure by more than two standard errors."""
        return leaders(name, {i: row.figures[name] for i, row in enumerate(self.rows) if name in row.figures})

    def cells(self, mark: str) -> list[list[str]]:
        """Header and rows as text; `mark` stands on both sides of the best figures."""
        keys = list(dict.fromkeys(key for row in self.rows for key in row.group.label)) or ["run"]
        lines = [[*keys, "seeds", *self.figures, "images", "seconds"]]
        best = {name: self.best(name) for name in self.figures}
        for index, row in enumerate(self.rows):
            marked = []
            for name in self.figures:
                sides = mark if index in best[name] else ""
                marked.append(f"{sides}{row.figures[name]}{sides}" if name in row.figures else "")
            label = [row.group.label.get(key, "") for key in keys] if row.group.label else [row.group.name]
            cost = [f"{row.images_seen:,}", f"{row.seconds:.0f}"]
            lines.append([*label, str(row.seeds), *marked, *cost])
        if self.floor:
            floor = [f"{self.floor[name]:.4g}" if name in self.floor else "" for name in self.figures]
            lines.append(["real images", *[""] * len(keys), *floor, "", ""])
        return lines

    def markdown(self) -> str:
        header, *rows = self.cells(mark="**")
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(groups: list[Group]) -> list[Table]:
    """One table for every protocol that the last evaluations of the groups' runs were made by."""
    found: dict[str, Table] = {}
    for group in groups:
        last: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for run in group.runs:
            if run.evaluations:
                row = run.evaluations[-1]
                last[json.dumps(_protocol(row), sort_keys=True)].append(row)
        for key, rows in last.items():
            table = found.setdefault(key, Table([], _protocol(rows[0]), rows[0].get("floor", {})))
            table.rows.append(_row(group, rows))
    return list(found.values())


def _protocol(evaluation: dict[str, Any]) -> dict[str, Any]:
    protocol = evaluation.get("protocol", {})
    return {key: value for key, value in protocol.items() if key not in OUTCOMES}


def _row(group: Group, evaluations: list[dict[str, Any]]) -> Row:
    metrics = [
        {name: float(value) for name, value in evaluation["metrics"].items()} for evaluation in evaluations
    ]
    figures = {}
    for name in dict.fromkeys(key for one in metrics for key in one):
        having = [one for one in metrics if name in one]
        figures[name] = Estimate.of([one[name] for one in having], [error_of(name, one) for one in having])
    count = len(evaluations)
    images = sum(int(evaluation.get("images_seen", 0)) for evaluation in evaluations) // count
    seconds = sum(float(evaluation.get("seconds", 0)) for evaluation in evaluations) / count
    return Row(group, figures, count, images, seconds)


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text in columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def write_csv(path: Path, groups: list[Group]) -> None:
    """One line for every evaluation of every run, with all its figures."""
    rows = [
        (group, run, evaluation) for group in groups for run in group.runs for evaluation in run.evaluations
    ]
    keys = list(dict.fromkeys(key for group in groups for key in group.label))
    names = list(dict.fromkeys(name for _, _, evaluation in rows for name in evaluation["metrics"]))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*keys, "seed", "step", "images_seen", "seconds", *names, "folder"])
        for group, run, evaluation in rows:
            label = [group.label.get(key, "") for key in keys]
            cost = [evaluation.get(key, "") for key in ("step", "images_seen", "seconds")]
            figures = [evaluation["metrics"].get(name, "") for name in names]
            seed = run.record.get("config", {}).get("seed", "")
            writer.writerow([*label, seed, *cost, *figures, run.path])
