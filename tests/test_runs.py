"""Reading a run's folder, whole or not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gan_experiments.runs import RunFolder, runs_below


@pytest.mark.parametrize("content", [None, "", "[1]", "{", "\xff"])
def test_what_cannot_be_read_is_empty(content: str | None, tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    if content is not None:
        for name in ("summary.json", "metrics.jsonl", ".hydra/job.json", ".hydra/hydra.yaml"):
            (tmp_path / name).write_bytes(content.encode("latin-1"))
    run = RunFolder(tmp_path)
    assert (run.summary, run.record, run.choices, run.evaluations) == ({}, {}, {}, [])
    assert run.status == ("unknown" if content is None else "unreadable")
    assert run.samples() == []


def test_a_resumed_run_counts_its_later_evaluations(tmp_path: Path) -> None:
    lines = [
        json.dumps({"step": step, "metrics": {"fd": fd}}) for step, fd in [(1, 9), (2, 8), (2, 7), (3, 6)]
    ]
    (tmp_path / "metrics.jsonl").write_text("\n".join([*lines, '{"step": 4, "met']))
    assert [(row["step"], row["metrics"]["fd"]) for row in RunFolder(tmp_path).evaluations] == [
        (1, 9),
        (2, 7),
        (3, 6),
    ]


def test_a_run_that_says_it_is_running_was_interrupted(tmp_path: Path) -> None:
    (tmp_path / "a" / ".hydra").mkdir(parents=True)
    (tmp_path / "a" / ".hydra" / "job.json").write_text('{"status": "running"}')
    (run,) = runs_below(tmp_path)
    assert (run.path, run.status) == (tmp_path / "a", "interrupted")
