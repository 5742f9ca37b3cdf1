"""After a sweep: a table and summary.csv of what became of every job."""

from __future__ import annotations

import csv
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gan_experiments.cli import resume
from gan_experiments.cli.catalogue import override_key
from gan_experiments.cli.exit_codes import INTERRUPTED, TERMINATED
from gan_experiments.cli.names import typed
from gan_experiments.errors import RunError, UserError
from gan_experiments.figures import aligned, is_reported, with_error
from gan_experiments.runs import RECORD, RunFolder, relative
from gan_experiments.writing import writing


@dataclass
class Row:
    """What became of one job."""

    name: str
    status: str
    overrides: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    error: str = ""
    exit_code: int = 0


class Sweep:
    """The jobs in a sweep's folder; `names`: those that this command is going to run, where known."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self.names = names
        self.before = {path.parent.parent.name: path.stat().st_mtime_ns for path in self._records()}

    def _records(self) -> list[Path]:
        return sorted(self.folder.glob(f"*/{RECORD}"))

    def _is_ours(self, name: str) -> bool:
        """Whether this command ran the job, not an earlier one with the same sweep=NAME."""
        record = self.folder / name / RECORD
        return name in self.names or record.stat().st_mtime_ns != self.before.get(name)

    def rows(self) -> list[Row]:
        """Every job of the folder and every planned one, sorted by name."""
        recorded = {path.parent.parent.name: self._row(path) for path in self._records()}
        planned = {name: Row(name, "not started") for name in self.names if name not in recorded}
        return [row for _, row in sorted({**recorded, **planned}.items())]

    def _row(self, path: Path) -> Row:
        folder = path.parent.parent
        run = RunFolder(folder)
        status = run.status
        if status == "finished" and self.before.get(folder.name) == path.stat().st_mtime_ns:
            status = "skipped"
        overrides = {override_key(line): line.partition("=")[2] for line in typed(_overrides(folder))}
        return Row(
            name=folder.name,
            status=status,
            overrides=overrides,
            metrics=run.metrics,
            seconds=run.seconds,
            error=run.error,
            exit_code=run.record.get("exit_code", 0),
        )

    def report(self, exit_code: int) -> int:
        """Print the table, write summary.csv; returns the exit code of the sweep.

        That is `exit_code` where the sweep as a whole was stopped, else 0, or 1 where a job failed (2 where
        every failure was a user's mistake).
        """
        rows = self.rows()
        if not rows:
            return exit_code
        print(table(rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else None))
        for row in rows:
            if row.status == "failed":
                print(f"failed: {row.name}: {row.error}", file=sys.stderr)
        path = self.folder / "summary.csv"
        try:
            write_csv(path, rows)
        except RunError as error:
            print(f"summary.csv: {error}", file=sys.stderr)
            exit_code = exit_code or 1
        print(f"Sweep folder: {relative(self.folder)}")
        failed = {row.exit_code for row in rows if row.status == "failed" and self._is_ours(row.name)}
        if exit_code in (INTERRUPTED, TERMINATED) or not failed:
            return exit_code
        return 2 if failed == {2} else 1


def table(rows: list[Row], width: int | None = None) -> str:
    """An aligned table: the settings that differ, the status, the reported figures with their errors, the seconds.

    `width`: of the terminal, where there is one; the last figures that do not fit are left to summary.csv.
    """
    keys = _columns(row.overrides for row in rows)
    varying = [key for key in keys if len({row.overrides.get(key) for row in rows}) > 1]
    names = [name for name in _columns(row.metrics for row in rows) if is_reported(name)]
    text = _aligned(rows, varying, names)
    while width is not None and len(names) > 1 and max(map(len, text.splitlines())) > width:
        names.pop()
        text = _aligned(rows, varying, names)
    return text


def _aligned(rows: list[Row], varying: list[str], names: list[str]) -> str:
    lines = [[*varying, "status", *names, "seconds"]]
    for row in rows:
        settings = [row.overrides.get(key, "") for key in varying]
        figures = [with_error(name, row.metrics) for name in names]
        lines.append([*settings, row.status, *figures, "" if row.seconds is None else f"{row.seconds:.0f}"])
    return aligned(lines)


def write_csv(path: Path, rows: list[Row]) -> None:
    keys, metrics = _columns(row.overrides for row in rows), _columns(row.metrics for row in rows)
    with writing(path) as new, new.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["folder", "status", *keys, *metrics, "seconds", "error"])
        for row in rows:
            values = [row.overrides.get(key, "") for key in keys]
            numbers = [row.metrics.get(name, "") for name in metrics]
            writer.writerow([row.name, row.status, *values, *numbers, row.seconds, row.error])


def _overrides(folder: Path) -> list[str]:
    try:
        return resume.overrides(folder)
    except UserError:  # what was killed, or damaged, is a row of the table all the same
        return []


def _columns(dicts: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for one in dicts for key in one))
