"""Your runs beside published ones: a method of your own, or another setting, with every baseline of a table.

    gan-train -m experiment=mnist model=mine train.images=600000 seed=0,1,2 sweep=mine
    python scripts/beside.py mnist_ten_epochs outputs/sweeps/mine

NAME is a folder of docs/results/data; without folders of runs its table stands alone. Rows are ordered by the first of
the columns. Figures of other protocols (metrics, samples, real images) do not compare: they get a table of their own.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from gan_experiments import records
from gan_experiments.reports import Group, grouped, tables
from gan_experiments.runs import RunFolder, runs_below

DATA = Path(__file__).resolve().parent.parent / "docs" / "results" / "data"
COSTS = ["updates", "images", "cpu_seconds"]


class PublishedRun(RunFolder):
    """One of the small files that scripts/reproduce.py leaves in data/: what the run varied, and its evaluations."""

    @cached_property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return document

    @cached_property
    def varied(self) -> dict[str, str]:
        return {key: value for key, value in self.document["settings"].items() if key != "seed"}

    @property
    def name(self) -> str:
        """The model and what else the run varied: "san r1"."""
        return " ".join(value for key, value in self.varied.items() if key != "data" and value != "-")

    @cached_property
    def record(self) -> dict[str, Any]:
        settings = {key: value for key, value in self.varied.items() if not is_option(key)}
        return {"status": "finished", "config": {**settings, "seed": self.document["settings"]["seed"]}}

    @cached_property
    def summary(self) -> dict[str, Any]:
        return {"step": self.evaluations[-1]["step"], "provenance": self.document["provenance"]}

    @cached_property
    def choices(self) -> dict[str, str]:
        return {key: value for key, value in self.varied.items() if is_option(key) and value != "-"}

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        measured = {key: self.document[key] for key in ("protocol", "floor")}
        rows = (records.evaluation({**row, **measured}) for row in self.document["evaluations"])
        return [row for row in rows if row is not None]


def is_option(key: str) -> bool:
    """Whether a key names a group of options (data, penalty@model.penalties.r1), not a single setting (optim.lr)."""
    return "." not in key.partition("@")[0]


def published(name: str) -> list[Group]:
    """The groups of docs/results/data/NAME."""
    return grouped(PublishedRun(path) for path in sorted((DATA / name).glob("*.json")))


def beside(baselines: Sequence[Group], own: Sequence[Group]) -> list[Group]:
    """All groups, named by what tells the baselines apart and, before and after that, what is one's own."""
    keys = list(dict.fromkeys(["model", *(key for group in baselines for key in group.label)]))
    for whose, groups in (("published", baselines), ("own", own)):
        for group in groups:
            known = {**group.settings, **group.choices}
            named = {key: known.get(key, "-") for key in keys}
            group.label = {**({"runs": whose} if own else {}), **named, **group.label}
    return [*baselines, *own]


def main(argv: Sequence[str] | None = None) -> None:
    names = sorted(path.name for path in DATA.iterdir())
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("folders", type=Path, nargs="*", help="of runs, however deep below")
    parser.add_argument(
        "--columns", help="figures and costs: fd_lenet,recall_lenet,cpu_seconds; default: all"
    )
    arguments = parser.parse_args(argv)
    own = grouped(runs_in(arguments.folders))
    for table in tables(beside(published(arguments.name), own)):
        columns = arguments.columns.split(",") if arguments.columns else [*table.figures, *COSTS]
        print(f"{table.name}\n{table.select(columns).markdown()}\n".lstrip())


def runs_in(folders: Iterable[Path]) -> list[RunFolder]:
    runs = []
    for folder in folders:
        if not (below := runs_below(folder)):
            raise SystemExit(f"{folder}: no run here or below; gan-train leaves its runs in outputs")
        runs += below
    return runs


if __name__ == "__main__":
    main()
