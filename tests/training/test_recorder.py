from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from gan_experiments.training.loggers import TensorBoard, flatten
from gan_experiments.training.recorder import Recorder, jsonable, write_json


def test_flatten_names_settings_with_dots() -> None:
    settings = {"model": {"k": 1, "penalties": {"gp": {"weight": 10.0}}}, "tags": ["a"], "none": None}
    assert flatten(settings) == {
        "model.k": 1,
        "model.penalties.gp.weight": 10.0,
        "tags": "['a']",
        "none": "None",
    }


def test_json_has_no_nan(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": math.nan, "b": [math.inf, 1.5]})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": "nan", "b": ["inf", 1.5]}
    assert jsonable({"a": 1}) == {"a": 1}


def recorded(folder: Path, start: int, last: int) -> None:
    """An attempt at a run from the step after `start` to `last`, with an evaluation at each."""
    recorder = Recorder(folder, start, {"config": {"a": 1}, "choices": {}, "provenance": {}}, [TensorBoard()])
    for step in range(start + 1, last + 1):
        recorder.scalars(step, {"loss/generator": float(step)})
        recorder.evaluation({"step": step, "metrics": {"fd": float(step)}})
    recorder.close()


@pytest.mark.parametrize("start", [0, 1, 3])
def test_an_attempt_that_begins_again_leaves_one_line_a_step(
    start: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # TensorBoard reads the files of one process and second in the order of their numbers as text, 100 before 99
    monkeypatch.setattr(event_file_writer, "_global_uid", event_file_writer.AtomicCounter(0))
    recorded(tmp_path, 0, 3)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "met')  # killed while it wrote
    recorded(tmp_path, start, 6)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert sorted(event.step for event in events.Scalars("loss/generator")) == [1, 2, 3, 4, 5, 6]
