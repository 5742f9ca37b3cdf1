"""Folders as runs leave them, for the tests of reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from gan_experiments.runs import RunFolder

PROTOCOL = {"extractor": "lenet", "generated": 100}


def make_run(
    path: Path,
    choices: dict[str, str],
    config: dict[str, Any],
    evaluations: list[dict[str, float]] | None = None,
    protocol: dict[str, Any] = PROTOCOL,
    **record: Any,
) -> RunFolder:
    """A run's folder with one evaluation for every 100 steps."""
    (path / ".hydra").mkdir(parents=True)
    (path / "samples").mkdir()
    hydra = {"hydra": {"runtime": {"choices": {**choices, "hydra/job": "x", "schema/model@model": "Gan"}}}}
    (path / ".hydra" / "hydra.yaml").write_text(yaml.safe_dump(hydra))
    job = {"status": "finished", "config": config, **record}
    (path / ".hydra" / "job.json").write_text(json.dumps(job))
    with (path / "metrics.jsonl").open("w") as file:
        for index, metrics in enumerate(evaluations or [], 1):
            row = {"step": 100 * index, "images_seen": 6400 * index, "seconds": 1.5 * index}
            floor = dict.fromkeys(metrics, 0.5)
            file.write(json.dumps({**row, "metrics": metrics, "floor": floor, "protocol": protocol}) + "\n")
    return RunFolder(path)
