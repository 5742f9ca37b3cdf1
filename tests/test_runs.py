"""Reading a run's folder, whole or not."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from gan_experiments.locking import locked
from gan_experiments.runs import RunFolder, runs_below, trim_evaluations


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


def test_a_torn_line_takes_no_other_with_it(tmp_path: Path) -> None:
    rows = [json.dumps({"step": step, "metrics": {"fd": step}}) for step in (1, 2, 3)]
    torn = rows[1][:20]
    for text in (
        f"{rows[0]}\n{torn}{rows[2]}\n",
        f"{rows[0]}\n{torn}\n{rows[2]}",
        f"{rows[0]}\n\0\0\0{rows[2]}\n",
    ):
        (tmp_path / "metrics.jsonl").write_text(text)
        assert [row["step"] for row in RunFolder(tmp_path).evaluations] == [1, 3]


def test_one_line_a_step_wherever_writing_was_cut(tmp_path: Path) -> None:
    """A run with an evaluation at every step, killed at any byte and resumed at any step before."""
    rows = [json.dumps({"step": step, "metrics": {"fd": step}}) + "\n" for step in range(1, 4)]
    whole = "".join(rows)
    path = tmp_path / "metrics.jsonl"
    for end in range(len(whole)):
        for step in range(whole[:end].count("\n") + 1):
            path.write_text(whole[:end])
            trim_evaluations(tmp_path, step)
            assert path.read_text() == "".join(rows[:step])
            path.write_text(whole[:end] + "".join(rows[step:]))  # by a writer that did not trim
            assert [row["step"] for row in RunFolder(tmp_path).evaluations][-1] == 3
            steps = [row["step"] for row in RunFolder(tmp_path).evaluations]
            assert steps == sorted(set(steps))


def test_many_evaluations_are_read_quickly(tmp_path: Path) -> None:
    with (tmp_path / "metrics.jsonl").open("w") as file:
        file.writelines(json.dumps({"step": step, "metrics": {"fd": 1.0}}) + "\n" for step in range(20_000))
    started = time.process_time()
    assert len(RunFolder(tmp_path).evaluations) == 20_000
    assert time.process_time() - started < 5


def test_numbers_of_every_kind_are_read_as_numbers_or_left_out(tmp_path: Path) -> None:
    metrics = {
        "a": 1,
        "b": "nan",
        "c": "inf",
        "d": True,
        "e": None,
        "f": [1],
        "g": 10**400,
        "h": "1.5",
        "i": -2.5,
    }
    row = {
        "step": 3.0,
        "images_seen": "many",
        "seconds": "inf",
        "metrics": metrics,
        "floor": 7,
        "protocol": [],
    }
    (tmp_path / "metrics.jsonl").write_text(json.dumps(row) + "\n" + json.dumps({**row, "step": -1}))
    (found,) = RunFolder(tmp_path).evaluations
    assert str(found.pop("metrics")) == "{'a': 1.0, 'b': nan, 'c': inf, 'i': -2.5}"
    assert found == {"step": 3, "images_seen": 0, "seconds": 0.0, "floor": {}, "protocol": {}}


def test_a_run_that_says_it_is_running_was_interrupted_unless_a_process_holds_its_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "a" / ".hydra").mkdir(parents=True)
    (tmp_path / "a" / ".hydra" / "job.json").write_text('{"status": "running"}')
    (run,) = runs_below(tmp_path)
    assert (run.path, run.status) == (tmp_path / "a", "interrupted")
    with locked(run.path):
        assert run.status == "running"
    assert run.status == "interrupted"
