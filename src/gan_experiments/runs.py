"""What a run's folder says of the run: read without torch, and without trusting that the files are whole, or kind.

Only regular files inside the folder are read, each up to a limit; what has another type than it should is left out.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from gan_experiments import reading, records
from gan_experiments.errors import UserError
from gan_experiments.locking import is_locked

RECORD = Path(".hydra/job.json")  # the settings, and what became of the job
EVALUATIONS = "metrics.jsonl"
EXPORTED = "model.safetensors"  # of gan-export
MAX_JSON = 2 << 20  # bytes
MAX_YAML = 1 << 16
MAX_EVALUATIONS = 64 << 20
MAX_PICTURE = 16 << 20


@dataclass(frozen=True)
class RunFolder:
    """One run, by its folder."""

    path: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """`config` (resolved, without paths), `status`, `seconds` and perhaps `error`; empty where unreadable."""
        return self._json(self.path / RECORD)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: status, step, images seen, last and best metrics; empty where unreadable."""
        return self._json(self.path / "summary.json")

    @property
    def config(self) -> dict[str, Any]:
        """The settings; empty where unreadable."""
        return records.mapping(self.record.get("config"))

    @property
    def seed(self) -> str:
        return str(self.config.get("seed", ""))[:40]

    @property
    def error(self) -> str:
        """The message of a failed run."""
        return str(self.record.get("error") or "")[:1000]

    @property
    def metrics(self) -> dict[str, float]:
        """The last figures, by name."""
        return records.figures(self.summary.get("metrics"))

    @property
    def seconds(self) -> float | None:
        """How long it ran, where that is known."""
        return records.number(self.summary.get("seconds", self.record.get("seconds")))

    @property
    def planned(self) -> int | None:
        """The updates that the settings ask for, where they do so by number."""
        train = records.mapping(self.config.get("train"))
        steps = train.get("steps") if train.get("images") is None else None  # whose number is then another
        return steps if isinstance(steps, int) and not isinstance(steps, bool) and steps > 0 else None

    @property
    def step(self) -> int:
        """The last update that the run made; 0 where that is not known."""
        step = records.number(self.summary.get("step")) or 0.0
        return int(step) if math.isfinite(step) else 0

    @cached_property
    def choices(self) -> dict[str, str]:
        """The option of every group that the settings were composed of."""
        try:
            text = reading.content(self.path, self.path / ".hydra" / "hydra.yaml", MAX_YAML).decode()
            hydra = yaml.load(text, records.PlainLoader)
            options = hydra["hydra"]["runtime"]["choices"].items()
        except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError, AttributeError, RecursionError):
            return {}
        return {
            group: option
            for group, option in options
            if isinstance(group, str) and isinstance(option, str)
            if option not in ("null", "") and not group.startswith(("hydra", "schema/"))
        }

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, oldest first, as `records.evaluation` reads them.

        Of steps that a resumed run did again, the later ones.
        """
        try:
            data = reading.content(self.path, self.path / EVALUATIONS, MAX_EVALUATIONS)
        except OSError:
            return []
        rows: list[dict[str, Any]] = []
        for line in data.decode(errors="replace").split("\n"):
            row = records.evaluation_in(line)
            if row is not None:
                while rows and rows[-1]["step"] >= row["step"]:
                    rows.pop()
                rows.append(row)
        return rows

    @cached_property
    def later_evaluations(self) -> list[dict[str, Any]]:
        """What gan-eval has left in `evaluations/`, in the order of steps."""
        read = (self._json(path) for path in self._listed("evaluations", "step_", ".json"))
        rows = [row for row in map(records.evaluation, read) if row is not None]
        return sorted(rows, key=lambda row: int(row["step"]))

    @property
    def status(self) -> str:
        """`running`, `finished`, `failed`, `interrupted`, `unreadable` (the record), or `unknown` (there is none).

        Where its file system cannot lock, a run that goes on counts as interrupted.
        """
        status = str(self.record.get("status", self.summary.get("status", "unknown")))[:40]
        if not self.record and (
            os.path.lexists(self.path / RECORD) or (self.path / RECORD.parent).is_symlink()
        ):
            return "unreadable"
        return "interrupted" if status == "running" and not is_locked(self.path) else status

    def samples(self) -> list[Path]:
        """The sample grids, oldest first."""
        return [path for path in self._listed("samples", "step_", ".png") if path.stem[5:].isdecimal()]

    def neighbours(self) -> list[Path]:
        """gan-eval's pictures of nearest neighbours, oldest first."""
        return [path for path in self._listed("evaluations", "step_", ".png") if "_neighbours_" in path.name]

    def read(self, path: Path, limit: int = MAX_PICTURE) -> bytes:
        """The bytes of one of this run's files; raises OSError where it is none, or is too large."""
        return reading.content(self.path, path, limit)

    def _listed(self, folder: str, prefix: str, suffix: str) -> list[Path]:
        place = os.path.realpath(self.path / folder)
        if not Path(place).is_relative_to(os.path.realpath(self.path)):
            return []
        try:
            names = os.listdir(place)
        except OSError:
            return []
        return [
            self.path / folder / name
            for name in sorted(names)
            if name.startswith(prefix) and name.endswith(suffix)
        ]

    def _json(self, path: Path) -> dict[str, Any]:
        try:
            return records.mapping(records.parsed(reading.content(self.path, path, MAX_JSON).decode()))
        except (OSError, ValueError):
            return {}


def relative(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def locate(run: Path, which: str) -> Path:
    """The checkpoint file meant by a run's folder, with `last`, `best` or a step, or by one of gan-export or the file itself.

    Raises UserError.
    """
    if run.is_file():
        return run
    if (run / EXPORTED).is_file():
        return run / EXPORTED
    folder = run / "checkpoints"
    path = folder / (f"step_{int(which):08d}.pt" if which.isdecimal() else f"{which}.pt")
    if not run.exists():
        raise UserError(f"there is no run or checkpoint {run}")
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.pt"))) or "none"
        raise UserError(f"{run} has no checkpoint '{which}'; it has: {there}")
    return path


def place(checkpoint: Path, folder: str, name: str) -> Path:
    """Where a command leaves a file: in a folder of the checkpoint's run, or beside a checkpoint that lies alone.

    Raises UserError where that folder is a link out of the run, which may be a stranger's.
    """
    if checkpoint.parent.name != "checkpoints":
        return checkpoint.parent / name
    run = checkpoint.parent.parent
    if not Path(os.path.realpath(run / folder)).is_relative_to(os.path.realpath(run)):
        raise UserError(f"{run / folder} leads out of the run's folder: name another place to write to")
    return run / folder / name


def runs_below(folder: Path) -> list[RunFolder]:
    """Every run in `folder` or below it, in the order of their paths; links to folders are not followed."""
    runs = []
    for place, folders, _ in os.walk(folder):
        hydra = Path(place) / RECORD.parent
        if os.path.lexists(Path(place) / RECORD) or hydra.is_symlink():  # which leads elsewhere: not read
            runs.append(RunFolder(Path(place)))
        folders[:] = sorted(name for name in folders if name != hydra.name)
    return sorted(runs, key=lambda run: run.path)


def trim_evaluations(folder: Path, step: int) -> None:
    """Take from a run's `metrics.jsonl` what comes after `step`, and a torn last line: they will be written again.

    Raises OSError.
    """
    path = folder / EVALUATIONS
    if not path.exists():
        return
    lines = path.read_bytes().decode(errors="replace").splitlines(keepends=True)
    rows = [records.evaluation_in(line) if line.endswith("\n") else None for line in lines]
    kept = [line for line, row in zip(lines, rows, strict=True) if row is not None and row["step"] <= step]
    if len(kept) < len(lines):
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text("".join(kept), encoding="utf-8")
        os.replace(temporary, path)
