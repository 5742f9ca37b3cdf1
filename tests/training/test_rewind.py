"""Going on from an earlier checkpoint is a branch: what lies beyond it is put aside, and no step is told twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from kills import MeanMetrics
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from gan_experiments.training import checkpoint, run
from gan_experiments.training.rewind import EVALUATION, FIRST, PICTURES, rewind

SETTINGS = ["model=gan", "network=mlp", "data.image_size=16", "train.log_every=1", "train.checkpoint_every=2",
            "train.evaluate_every=2", "train.sample_every=2"]  # fmt: skip


def train(compose: Any, folder: Path, steps: int, resume: str | None = None, keep: int = 5) -> None:
    config, record = compose(*SETTINGS, f"train.steps={steps}", f"train.keep_checkpoints={keep}")
    config.metrics = MeanMetrics()
    if resume:
        config.resume = str(folder / "checkpoints" / resume)
    run(config, folder, record)


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.glob(pattern))


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]


def logged(folder: Path, tag: str) -> list[int]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return sorted(event.step for event in events.Scalars(tag))


@pytest.mark.parametrize("keep", [0, 5])
def test_going_back_is_a_branch(keep: int, compose: Any, tmp_path: Path) -> None:
    train(compose, tmp_path, 8)
    first = checkpoint.load(tmp_path / "checkpoints" / "step_00000008.pt")
    train(compose, tmp_path, 6, "step_00000004.pt", keep)
    kept = [2, 4, 6] if keep else [6]
    assert names(tmp_path, "checkpoints/step_*") == [f"step_{step:08d}.pt" for step in kept]
    assert checkpoint.load(tmp_path / "checkpoints" / "last.pt")["engine"]["step"] == 6
    assert names(tmp_path, "samples/*") == [f"step_{step:08d}.png" for step in (2, 4, 6)]
    assert steps(tmp_path) == [2, 4, 6]
    for tag, wanted in (("loss/generator", [1, 2, 3, 4, 5, 6]), ("eval/fd", [2, 4, 6])):
        assert logged(tmp_path, tag) == wanted
    aside = tmp_path / ".replaced" / "after_step_00000004"
    assert names(aside, "checkpoints/*") == ["step_00000006.pt", "step_00000008.pt"]
    assert names(aside, "samples/*") == ["step_00000006.png", "step_00000008.png"]
    assert steps(aside) == [6, 8]
    assert logged(aside, "loss/generator") == [5, 6, 7, 8]
    # The branch that was put aside can be gone on with.
    again = checkpoint.load(aside / "checkpoints" / "step_00000008.pt")
    assert again["engine"]["images_seen"] == first["engine"]["images_seen"]
    best = checkpoint.load(tmp_path / "checkpoints" / "last.pt")["best"]["step"]
    if (tmp_path / "checkpoints" / "best.pt").exists():
        assert checkpoint.load(tmp_path / "checkpoints" / "best.pt")["engine"]["step"] == best


def test_what_was_left_before_the_first_checkpoint_is_put_aside(compose: Any, tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss/generator", 1.0, 1)
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "metrics": {}}\n{"st')
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / ".step_00000002.pt.x1y2").write_bytes(b"half")
    train(compose, tmp_path, 2)
    assert logged(tmp_path, "loss/generator") == [1, 2]
    assert steps(tmp_path) == [2]
    assert not names(tmp_path, "checkpoints/.*")
    assert steps(tmp_path / ".replaced" / "all") == [1]


def test_what_belongs_is_left_as_it_is(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss/generator", 1.0, 3)
    lines = '{"step": 2, "metrics": {"fd": 1.0}}\n'
    (tmp_path / "metrics.jsonl").write_text(lines)
    (before,) = tmp_path.glob("events*")
    inode = before.stat().st_ino
    assert rewind(tmp_path, 3) is None
    assert (tmp_path / "metrics.jsonl").read_text() == lines
    assert before.stat().st_ino == inode
    assert not (tmp_path / ".replaced").exists()


@pytest.mark.parametrize(("due", "left"), [((), [2, 4]), ((EVALUATION,), [2]), ((PICTURES,), [2, 4])])
def test_what_is_due_of_a_step_is_made_again(due: tuple[str, ...], left: list[int], tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (2, 4):
            for tag in ("loss/generator", "eval/fd", "separability/gap"):
                writer.add_scalar(tag, 1.0, step)
    twice = "".join(f'{{"step": {step}, "metrics": {{}}}}\n' for step in (2, 4, 4))
    (tmp_path / "metrics.jsonl").write_text(twice + '{"step": 6, "metr')
    rewind(tmp_path, 4, due)
    assert steps(tmp_path) == left
    assert logged(tmp_path, "eval/fd") == left
    assert logged(tmp_path, "loss/generator") == [2, 4]
    assert logged(tmp_path, "separability/gap") == ([2] if PICTURES in due else [2, 4])


@pytest.mark.parametrize("content", [b"", b"abc", b"\xff" * 40, b"\x05" + b"\x00" * 11 + b"short"])
def test_a_torn_or_foreign_file_of_events_does_no_harm(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1.x.1.0"
    with SummaryWriter(str(tmp_path)) as writer:
        writer.add_scalar("loss/generator", 1.0, 3)
    (whole,) = tmp_path.glob("events*")
    path.write_bytes(content)
    with whole.open("ab") as file:
        file.write(content)
    rewind(tmp_path, 3)
    assert logged(tmp_path, "loss/generator") == [3]
    assert rewind(tmp_path, FIRST) is not None
    assert not names(tmp_path, "events*")
