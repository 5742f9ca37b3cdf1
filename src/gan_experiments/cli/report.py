"""`gan-report`: runs side by side, in the terminal and on one page."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.cli.command import Parser, command
from gan_experiments.errors import UserError
from gan_experiments.plain import plain
from gan_experiments.runs import RunFolder, runs_below
from gan_experiments.writing import writing

if TYPE_CHECKING:
    from gan_experiments.reports import Group, Table


def parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="gan-report",
        description="Compares runs: a table with means and spreads over seeds, and one self-contained HTML page "
        "with the table, curves over training and samples.",
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", help="runs, sweeps, or folders with any number of them below"
    )
    parser.add_argument("--output", type=Path, help="the page (default: report.html in the first folder)")
    parser.add_argument(
        "--best",
        action="store_true",
        help="print each run's best evaluation, not its last (the page has both)",
    )
    parser.add_argument(
        "--budget",
        action="store_true",
        help="print the best figure that so many runs can be expected to reach",
    )
    parser.add_argument(
        "--differences",
        action="store_true",
        help="print how sure it is that the best row is better than the others, over shared seeds where there are",
    )
    parser.add_argument(
        "--sensitivity",
        action="store_true",
        help="print how much the first figure hangs on each setting that the runs differ in",
    )
    parser.add_argument(
        "--columns",
        metavar="NAMES",
        help="print these figures and costs (updates, images, seconds, training_seconds, cpu_seconds) alone, rows "
        "ordered by the first: fd_lenet,recall_lenet,cpu_seconds",
    )
    parser.add_argument(
        "--within",
        metavar="COST=LIMIT",
        help="print what each run had reached for so much, by its last evaluation until then: cpu_seconds=60",
    )
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    formats.add_argument("--latex", action="store_true", help="print the table as LaTeX (package booktabs)")
    parser.add_argument(
        "--watch",
        type=int,
        nargs="?",
        const=8686,
        metavar="PORT",
        help="serve the page on this machine alone, anew as runs go on (default port: %(const)s)",
    )
    return parser


def main() -> int:
    return command("gan-report", run)


def run() -> None:
    arguments = parser().parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    from gan_experiments.reports import grouped, tables
    from gan_experiments.reports.page import page
    from gan_experiments.reports.table import write_csv
    from gan_experiments.reports.text import cut

    for folder in arguments.folders:
        if not folder.is_dir():
            raise UserError(f"{plain(str(folder))}: there is no such folder")
    if arguments.watch is not None:
        from gan_experiments.reports.watch import watch

        return watch(arguments.folders, arguments.watch)
    runs = runs_of(arguments.folders)
    groups = grouped(runs)
    final, best = tables(groups), tables(groups, "best")
    printed = best if arguments.best else final
    if arguments.within is not None:
        printed = affordable(groups, arguments.best, arguments.within)
    if arguments.columns is not None:
        printed = selected(printed, arguments.columns.split(","))
    _print(printed, arguments)
    for run in runs:
        if run.status != "finished":
            error = f": {cut(run.error, 200)}" if run.error else ""
            print(plain(f"{run.status}: {run.path}{error}"))
    output: Path = arguments.output or arguments.folders[0] / "report.html"
    with writing(output) as file:
        file.write_text(page(arguments.folders, groups, final, best), encoding="utf-8")
    with writing(output.with_suffix(".csv")) as file:
        write_csv(file, groups)
    print(plain(f"Report: {output}"))


def runs_of(folders: Sequence[Path]) -> list[RunFolder]:
    """The runs in these folders and below; raises UserError where there is none."""
    runs = {Path(os.path.realpath(run.path)): run for folder in folders for run in runs_below(folder)}
    if not runs:
        names = plain(", ".join(map(str, folders)))
        raise UserError(f"{names}: no run here or below; gan-train leaves its runs in outputs")
    return list(runs.values())


def affordable(groups: list[Group], best: bool, within: str) -> list[Table]:
    """The tables within a budget such as cpu_seconds=60; raises UserError where it is none, or nothing is within it."""
    from gan_experiments.reports import Within, tables
    from gan_experiments.reports.rows import COSTS

    cost, _, limit = within.partition("=")
    try:
        budget = Within(cost, float(limit))
    except ValueError:
        budget = None
    if budget is None or cost not in COSTS:
        raise UserError(
            f"--within takes a cost and its limit, like cpu_seconds=60, not {plain(within)}; costs are {', '.join(COSTS)}"
        )
    made = tables(groups, "best" if best else "final", budget)
    if not made:
        raise UserError(f"--within: no run has an evaluation within {plain(within)}")
    return made


def selected(all_tables: list[Table], columns: list[str]) -> list[Table]:
    """The tables with these columns; raises UserError for one that none of them has."""
    from gan_experiments.reports.rows import COSTS

    names = list(dict.fromkeys([*(name for table in all_tables for name in table.figures), *COSTS]))
    for name in columns:
        if name not in names:
            there = plain(", ".join(names))
            raise UserError(f"--columns: these runs have no {plain(name)}; there are {there}")
    return [table.select(columns) for table in all_tables]


def _print(all_tables: list[Table], arguments: argparse.Namespace) -> None:
    from gan_experiments.figures import aligned
    from gan_experiments.reports.budget import budget_cells, pools
    from gan_experiments.reports.differences import difference_cells
    from gan_experiments.reports.sensitivity import effect_cells

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for table in all_tables:
        if arguments.markdown or arguments.latex:
            print((table.markdown() if arguments.markdown else table.latex()) + "\n")
            continue
        lines = table.cells(mark="*")
        while width is not None and len(lines[0]) > 3 and max(map(len, aligned(lines).splitlines())) > width:
            lines = [line[:-1] for line in lines]  # figures that do not fit are left to the page
        if table.name:
            print(table.name)
        print(aligned(lines) + "\n")
        made = pools(table)
        name = table.primary or ""
        studies = {
            f"expected best {name} against budget": budget_cells(made) if arguments.budget and made else [],
            f"differences in {name}": difference_cells(table) if arguments.differences else [],
            f"{name} by setting": effect_cells(made, name) if arguments.sensitivity else [],
        }
        for title, cells in studies.items():
            if cells:
                print(f"{title}\n{aligned(cells)}\n")


if __name__ == "__main__":
    raise SystemExit(main())
