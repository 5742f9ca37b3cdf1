"""What a run's folder says of the run: read without torch, and without trusting that the files are whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

RECORD = Path(".hydra/job.json")  # the settings, and what became of the job


@dataclass(frozen=True)
class RunFolder:
    """One run, by its folder."""

    path: Path

    @cached_property
    def record(self) -> dict[str, Any]:
        """`config` (resolved, without paths), `status`, `seconds` and perhaps `error`; empty where unreadable."""
        return _json(self.path / RECORD)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """`summary.json`: status, step, images seen, last and best metrics; empty where unreadable."""
        return _json(self.path / "summary.json")

    @cached_property
    def choices(self) -> dict[str, str]:
        """The option of every group that the settings were composed of."""
        try:
            hydra = yaml.safe_load((self.path / ".hydra" / "hydra.yaml").read_text(encoding="utf-8"))
            found = hydra["hydra"]["runtime"]["choices"]
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
            return {}
        return {
            group: str(option)
            for group, option in found.items()
            if option is not None and not group.startswith(("hydra", "schema/"))
        }

    @cached_property
    def evaluations(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, oldest first; of steps that a resumed run did again, the later ones."""
        try:
            lines = (self.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        except (OSError, ValueError):
            return []
        rows: list[dict[str, Any]] = []
        for row in _rows(lines):
            rows = [earlier for earlier in rows if earlier["step"] < row["step"]] + [row]
        return rows

    @property
    def status(self) -> str:
        """`finished`, `failed`, `interrupted`, or `unknown`."""
        status = str(self.record.get("status", self.summary.get("status", "unknown")))
        return "interrupted" if status == "running" else status

    def samples(self) -> list[Path]:
        """The sample grids, oldest first."""
        return sorted((self.path / "samples").glob("step_*.png"))


def runs_below(folder: Path) -> list[RunFolder]:
    """Every run in `folder` or below it, in the order of their paths."""
    return [RunFolder(path.parent.parent) for path in sorted(folder.rglob(str(RECORD)))]


def _rows(lines: list[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:  # the last line of a killed run
            continue
        if isinstance(row, dict) and "step" in row and "metrics" in row:
            yield row


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
