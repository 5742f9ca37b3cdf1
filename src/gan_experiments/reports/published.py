"""Published runs, a small file each (docs/results/data): written from runs' folders, and read as runs again."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from gan_experiments import records
from gan_experiments.runs import RunFolder

LONGEST = 25  # of a protocol's lists
COSTS = ("step", "images_seen", "seconds", "training_seconds", "cpu_seconds")


class PublishedRun(RunFolder):
    """A run by its small file, `path`: what it varied in its table, and its evaluations; no samples, no weights."""

    @cached_property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        return document

    @cached_property
    def varied(self) -> dict[str, str]:
        """The options and settings that tell the runs of its table apart, without the seed."""
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
        measured = {key: self.document.get(key) for key in ("protocol", "floor")}
        rows = (records.evaluation({**row, **measured}) for row in self.document["evaluations"])
        return [row for row in rows if row is not None]


def is_option(key: str) -> bool:
    """Whether a key names a group of options (data, penalty@model.penalties.r1), not a single setting (optim.lr)."""
    return "." not in key.partition("@")[0]


def read(folder: Path) -> list[PublishedRun]:
    """The runs of a folder of such files, in the order of their names."""
    return [PublishedRun(path) for path in sorted(folder.glob("*.json"))]


def document(settings: Mapping[str, str], run: RunFolder) -> str:
    """A run in a few KiB of JSON, a line an evaluation: what it varied, how it was measured, and each evaluation."""
    *_, last = run.evaluations
    provenance = {key: value for key, value in run.summary.get("provenance", {}).items() if key != "host"}
    head = {"settings": settings, "provenance": provenance}
    head |= {"protocol": short(last["protocol"]), "floor": six_digits(last["floor"])}
    lines = [
        json.dumps({key: row[key] for key in COSTS if key in row} | {"metrics": six_digits(row["metrics"])})
        for row in run.evaluations
    ]
    return json.dumps(head)[:-1] + ', "evaluations": [\n' + ",\n".join(lines) + "\n]}\n"


def short(node: Any) -> Any:
    """A protocol without its long lists."""
    if not isinstance(node, Mapping):
        return node
    return {k: short(v) for k, v in node.items() if not (isinstance(v, list) and len(v) > LONGEST)}


def six_digits(values: Mapping[str, float]) -> dict[str, float | str]:
    """To six digits; what JSON has no number for is text, as in metrics.jsonl."""
    return {name: float(f"{v:.6g}") if math.isfinite(v) else str(v) for name, v in values.items()}
