"""Rows of a table: which evaluation of each run stands in it, and its figures over the seeds."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal

from gan_experiments.figures import direction, error_of, is_reported
from gan_experiments.plain import plain
from gan_experiments.reports.figures import Estimate
from gan_experiments.reports.groups import Group
from gan_experiments.runs import RunFolder

NAMES = ("data",)  # parts of a protocol that another part, a digest, holds to
OUTCOMES = ("mode_histogram", "non_finite", "ema")  # parts of a protocol that differ from run to run
USUAL = {
    "class_prior": "data"
}  # parts of a protocol that are as they are of a generator that is told no class
Choice = Literal["final", "best"]
COSTS = {  # of runs, by what an evaluation calls them
    "updates": "step",
    "images": "images_seen",
    "seconds": "seconds",
    "training_seconds": "training_seconds",
    "cpu_seconds": "cpu_seconds",
}


@dataclass(frozen=True)
class Within:
    """A budget: of each run, only the evaluations that cost at most `limit` count. `cost`: of COSTS."""

    cost: str
    limit: float

    def affordable(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of a run's evaluations; none of those that do not say what they cost."""
        return [row for row in rows if row.get(COSTS[self.cost], math.inf) <= self.limit]


@dataclass
class Row:
    """Runs of a group with equal budgets, and their figures under one protocol.

    notes: what keeps the row from comparing with others (unfinished, diverged), and which runs are not in it.
    whole: whether there is nothing of the first kind. costs: of COSTS, those that all runs say, as means.
    values: of each figure by seed.
    """

    group: Group
    figures: dict[str, Estimate]
    seeds: int  # runs that have been evaluated so
    costs: dict[str, float]
    notes: list[str]
    whole: bool
    values: dict[str, dict[str, float]]


def by_protocol(run: RunFolder) -> dict[str, list[dict[str, Any]]]:
    """The evaluations of a run by the protocols of its last one in training and of those by gan-eval; by steps."""
    trained, later = run.evaluations, run.later_evaluations
    wanted = {protocol_key(row) for row in [*trained[-1:], *later]}
    rows_by_key: dict[str, dict[int, dict[str, Any]]] = defaultdict(dict)
    for row in [*trained, *later]:
        key = protocol_key(row)
        if key in wanted and any(is_reported(name) for name in row["metrics"]):
            rows_by_key[key][row["step"]] = {**rows_by_key[key].get(row["step"], {}), **row}
    return {key: [rows[step] for step in sorted(rows)] for key, rows in rows_by_key.items()}


def rows_of(
    group: Group,
    measured: list[tuple[RunFolder, list[dict[str, Any]]]],
    choice: Choice,
    within: Within | None = None,
) -> list[Row]:
    """A row for every length of training; what has less than the group's full length says so.

    measured: the group's runs with their evaluations under one protocol. Within a budget, runs whose last affordable
    evaluations are of different steps share a row; none where no run has one.
    """
    buckets: dict[tuple[int, str], list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    by_length = choice == "final" and within is None
    for run, rows in measured:
        afforded = rows if within is None else within.affordable(rows)
        if afforded:
            row = afforded[-1] if choice == "final" else _best(afforded)
            state = "" if len(afforded) < len(rows) else _state(run, rows, row["step"] if by_length else None)
            buckets[row["step"] if by_length else 0, state].append((run.seed, row))
    made = [_row(group, rows, state) for (_, state), rows in sorted(buckets.items(), reverse=True)]
    unmeasured: dict[str, int] = defaultdict(int)
    for run in group.runs:
        if not any(run is other for other, _ in measured):
            unmeasured[plain(run.status)] += 1
    for first in made[:1]:
        first.notes += [f"{count} {status}, not measured" for status, count in unmeasured.items()]
    return made


def _state(run: RunFolder, rows: list[dict[str, Any]], shown: int | None) -> str:
    """What keeps a run from comparing with whole ones; `shown`: the step whose evaluation stands for its end."""
    last = rows[-1]["step"]
    if shown is not None and shown < run.step and run.status == "finished":
        return f"checkpoint at step {shown:,} of {run.step:,}"  # of gan-eval
    if run.status == "finished" or last >= (run.planned or math.inf):
        return ""
    of = f" of {run.planned:,}" if run.planned else ""
    # Where nothing can be locked, what counts as interrupted may be running.
    status = "unfinished" if run.status == "interrupted" else plain(run.status)
    return f"{status} at step {last:,}{of}"


def _row(group: Group, measured: list[tuple[str, dict[str, Any]]], state: str) -> Row:
    evaluations = [evaluation for _, evaluation in measured]
    metrics = [evaluation["metrics"] for evaluation in evaluations]
    figures, values = {}, {}
    for name in dict.fromkeys(key for one in metrics for key in one):
        having = {seed: one["metrics"] for seed, one in measured if name in one["metrics"]}
        values[name] = {seed: one[name] for seed, one in having.items()}
        errors = [error_of(name, one) for one in having.values()]
        figures[name] = Estimate.of([*values[name].values()], errors)
    count = len(evaluations)
    diverged = sum(not all(math.isfinite(one[name]) for name in one if is_reported(name)) for one in metrics)
    notes = [state] * bool(state) + [f"{diverged} of {count} diverged" if count > 1 else "diverged"] * bool(
        diverged
    )
    costs = {
        name: sum(evaluation[key] for evaluation in evaluations) / count
        for name, key in COSTS.items()
        if all(key in evaluation for evaluation in evaluations)
    }
    return Row(group, figures, count, costs, notes, not notes, values)


def _best(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The evaluation whose first figure with a direction is best; the last one where none is finite."""
    names = dict.fromkeys(name for row in rows for name in row["metrics"])
    primary = next((name for name in names if is_reported(name) and direction(name)), None)
    known = [row for row in rows if math.isfinite(row["metrics"].get(primary, math.nan))]
    if primary is None or not known:
        return rows[-1]
    return max(known, key=lambda row: direction(primary) * float(row["metrics"][primary]))


def compared(evaluation: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in evaluation["protocol"].items() if key not in OUTCOMES}


def protocol_key(evaluation: dict[str, Any]) -> str:
    """The same for evaluations that compare."""
    kept = {
        key: value
        for key, value in compared(evaluation).items()
        if key not in NAMES and USUAL.get(key) != value
    }
    return json.dumps(kept, sort_keys=True)
