"""Tables of groups and their figures: one table a protocol, since figures of different protocols do not compare."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gan_experiments.figures import direction, is_reported, number
from gan_experiments.plain import plain
from gan_experiments.reports.figures import Estimate, leaders
from gan_experiments.reports.groups import Group, telling
from gan_experiments.reports.rows import COSTS, Choice, Row, Within, by_protocol, compared, rows_of
from gan_experiments.reports.text import cut, flatten

LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    "\\": "\\textbackslash{}",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    "±": "$\\pm$",
    "…": "\\dots{}",
}


@dataclass
class Cell:
    """`value`: what the column is sorted by, where that is not the text."""

    text: str
    value: float | None = None
    best: bool = False


@dataclass
class Table:
    """Groups whose figures compare; `protocol` says how they were made, `floor` what real images would score.

    choice: whether a run's last evaluation stands here, or its best by `primary`, which flatters: it was chosen by
    the figure that it shows. columns: the figures and costs that are in it, where not all are.
    """

    rows: list[Row]
    protocol: dict[str, Any]
    floor: dict[str, float]
    choice: Choice = "final"
    name: str = ""
    columns: Sequence[str] = ()

    def select(self, columns: Sequence[str]) -> Table:
        """The same with these figures and costs alone, where it has them; the best row by the first one on top."""
        chosen = replace(self, columns=columns)
        name = chosen.primary
        if name is None:
            return chosen
        means = [row.figures[name].mean if name in row.figures else math.nan for row in self.rows]
        ranks = [-direction(name) * mean if math.isfinite(mean) else math.inf for mean in means]
        order = sorted(range(len(ranks)), key=ranks.__getitem__)
        return replace(chosen, rows=[self.rows[place] for place in order])

    @property
    def figures(self) -> list[str]:
        names = dict.fromkeys(name for row in self.rows for name in row.figures)
        return [name for name in self.columns or names if name in names and is_reported(name)]

    @property
    def costs(self) -> list[str]:
        return [name for name in self.columns or ("images", "seconds") if name in COSTS]

    @property
    def primary(self) -> str | None:
        """The first figure of which more, or less, is better."""
        return next((name for name in self.figures if direction(name)), None)

    def best(self, name: str) -> set[int]:
        """The whole rows that no other beats in this figure by more than two standard errors."""
        comparable = {
            i: row.figures[name] for i, row in enumerate(self.rows) if row.whole and name in row.figures
        }
        return leaders(name, comparable)

    @property
    def keys(self) -> list[str]:
        """The settings that tell rows apart."""
        return list(dict.fromkeys(key for row in self.rows for key in row.group.label))

    @property
    def header(self) -> list[str]:
        noted = any(row.notes for row in self.rows)
        keys = [plain(key) for key in self.keys] or ["run"]
        return [*keys, "seeds", *["note"] * noted, *map(plain, self.figures), *self.costs]

    def grid(self) -> list[list[Cell]]:
        """The rows, as long as the header."""
        best = {name: self.best(name) for name in self.figures}
        noted = "note" in self.header
        lines = []
        for index, row in enumerate(self.rows):
            label = [Cell(cut(row.group.value(key))) for key in self.keys] or [Cell(row.group.name)]
            notes = [Cell("; ".join(row.notes))] * noted
            figures = [_figure(row.figures.get(name), index in best[name]) for name in self.figures]
            costs = [_cost(row.costs.get(name)) for name in self.costs]
            lines.append([*label, Cell(str(row.seeds), row.seeds), *notes, *figures, *costs])
        return lines

    def foot(self) -> list[Cell]:
        """What real images held out score in place of samples; empty where that is not known."""
        if not self.floor:
            return []
        floor = [Cell(number(self.floor[name])) if name in self.floor else Cell("") for name in self.figures]
        before = len(self.header) - len(floor) - len(self.costs) - 1
        return [Cell("real images"), *[Cell("")] * before, *floor, *[Cell("")] * len(self.costs)]

    def cells(self, mark: str) -> list[list[str]]:
        """Header and rows as text; `mark` stands on both sides of the best figures."""
        rows = [*self.grid(), *[self.foot()] * bool(self.floor)]
        return [
            self.header,
            *([mark * cell.best + cell.text + mark * cell.best for cell in row] for row in rows),
        ]

    def markdown(self) -> str:
        header, *rows = [[cell.replace("|", "\\|") for cell in line] for line in self.cells(mark="**")]
        lines = [header, ["---"] * len(header), *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def latex(self) -> str:
        """A tabular for the package booktabs."""
        first = len(self.header) - len(self.figures) - len(self.costs)
        columns = "l" * first + "r" * (len(self.header) - first)
        lines = [" & ".join(map(_latex, self.header)), "\\midrule"]
        lines += [" & ".join(_latex(cell.text, cell.best) for cell in row) for row in self.grid()]
        if self.floor:
            lines += ["\\midrule", " & ".join(_latex(cell.text) for cell in self.foot())]
        body = "\n".join(line if line == "\\midrule" else f"{line} \\\\" for line in lines)
        return f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}"


def _figure(estimate: Estimate | None, best: bool) -> Cell:
    return Cell("") if estimate is None else Cell(str(estimate), estimate.mean, best)


def _cost(mean: float | None) -> Cell:
    return Cell(f"{mean:,.0f}", mean) if mean else Cell("")


def _latex(text: str, bold: bool = False) -> str:
    text = "".join(LATEX.get(character, character) for character in text)
    return f"\\textbf{{{text}}}" if bold else text


def tables(groups: list[Group], choice: Choice = "final", within: Within | None = None) -> list[Table]:
    """One table for every protocol that the groups' runs were last evaluated by, in training and by gan-eval.

    within: of evaluations that cost more, none counts; a table without any is left out.
    """
    tables: dict[str, Table] = {}
    for group in groups:
        of_run = [(run, by_protocol(run)) for run in group.runs]
        for key in dict.fromkeys(key for _, rows in of_run for key in rows):
            measured = [(run, rows[key]) for run, rows in of_run if key in rows]
            first = measured[0][1][0]
            table = tables.setdefault(key, Table([], compared(first), first["floor"], choice))
            table.rows += rows_of(group, measured, choice, within)
    made = [table for table in tables.values() if table.rows]
    _name(made)
    return made


def _name(made: list[Table]) -> None:
    """Name tables by what tells their protocols apart."""
    flat = [flatten(table.protocol) for table in made]
    keys = telling(flat)
    for table, protocol in zip(made, flat, strict=True):
        parts = [f"{plain(key)} {cut(protocol[key], 16)}" for key in keys if key in protocol]
        table.name = ", ".join(parts)


def write_csv(path: Path, groups: list[Group]) -> None:
    """One line for every evaluation of every run, with all its figures."""
    rows = [
        (group, run, evaluation)
        for group in groups
        for run in group.runs
        for evaluation in [*run.evaluations, *run.later_evaluations]
    ]
    keys = list(dict.fromkeys(key for group in groups for key in group.label))
    names = list(dict.fromkeys(name for _, _, evaluation in rows for name in evaluation["metrics"]))
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        writer = csv.writer(file)
        header = [*keys, "seed", "step", "images_seen", "seconds", "generated", *names, "folder"]
        writer.writerow(map(_text, header))
        for group, run, evaluation in rows:
            label = [group.value(key) for key in keys]
            cost = [evaluation[key] for key in ("step", "images_seen", "seconds")]
            generated = evaluation["protocol"].get("generated", "")
            figures = [evaluation["metrics"].get(name, "") for name in names]
            writer.writerow(map(_text, [*label, run.seed, *cost, generated, *figures, str(run.path)]))


def _text(cell: Any) -> Any:
    """A cell that no spreadsheet takes for a formula."""
    if not isinstance(cell, str):
        return cell
    try:
        float(cell)
    except ValueError:
        return "'" + plain(cell) if cell[:1] in ("=", "+", "-", "@") and cell != "-" else plain(cell)
    return cell
