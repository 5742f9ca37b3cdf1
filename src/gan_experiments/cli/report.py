"""`gan-report`: runs side by side, in the terminal and on one page."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from gan_experiments.cli.command import command
from gan_experiments.errors import UserError, writing


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gan-report",
        description="Compares runs: a table with means and spreads over seeds, and one self-contained HTML page "
        "with the table, curves over training and samples.",
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", help="runs, sweeps, or folders with any number of them below"
    )
    parser.add_argument("--output", type=Path, help="the page (default: report.html in the first folder)")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    return parser


def main() -> int:
    return command("gan-report", run)


def run() -> None:
    arguments = parser().parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    from gan_experiments.reports import grouped, tables
    from gan_experiments.reports.page import page
    from gan_experiments.reports.table import Table, aligned, write_csv
    from gan_experiments.reports.text import cut, plain
    from gan_experiments.runs import runs_below

    for folder in arguments.folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: there is no such folder")
    found = {run.path.resolve(): run for folder in arguments.folders for run in runs_below(folder)}
    if not found:
        names = ", ".join(map(str, arguments.folders))
        raise UserError(f"{names}: no run here or below; gan-train leaves its runs in outputs")
    groups = grouped(found.values())
    made = tables(groups)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None

    def narrowed(table: Table) -> str:
        """Figures that do not fit the terminal are left to the page."""
        lines = table.cells(mark="*")
        while width is not None and len(lines[0]) > 3 and max(map(len, aligned(lines).splitlines())) > width:
            lines = [line[:-1] for line in lines]
        return aligned(lines)

    for table in made:
        print((table.markdown() if arguments.markdown else narrowed(table)) + "\n")
    for run in found.values():
        if run.status != "finished":
            error = f": {cut(run.error, 200)}" if run.error else ""
            print(plain(f"{run.status}: {run.path}{error}"))
    output = arguments.output or arguments.folders[0] / "report.html"
    with writing(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(page(str(arguments.folders[0]), groups, made), encoding="utf-8")
    with writing(output.with_suffix(".csv")):
        write_csv(output.with_suffix(".csv"), groups)
    print(plain(f"Report: {output}"))


if __name__ == "__main__":
    raise SystemExit(main())
