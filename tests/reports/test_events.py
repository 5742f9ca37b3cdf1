"""Scalars from event files, as TensorBoard's own writer leaves them and as kills do."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hostile import loss, records
from torch.utils.tensorboard import SummaryWriter

from gan_experiments.reports import events
from gan_experiments.runs import RunFolder


def test_scalars_of_the_real_writer(tmp_path: Path) -> None:
    with SummaryWriter(str(tmp_path)) as writer:
        for step in (1, 2, 3):
            writer.add_scalar("loss/generator", step / 2, step)
            writer.add_scalar("score/real", 9.0, step)
    assert events.scalars(RunFolder(tmp_path), "loss/") == {"loss/generator": [(1, 0.5), (2, 1.0), (3, 1.5)]}


def test_steps_done_again_count_once(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(records(*(loss(step, 1.0) for step in range(6))))
    (tmp_path / "events.out.tfevents.2").write_bytes(records(*(loss(step, 2.0) for step in range(3, 5))))
    points = events.scalars(RunFolder(tmp_path), "loss/")["loss/generator"]
    assert points == [(0, 1.0), (1, 1.0), (2, 1.0), (3, 2.0), (4, 2.0)]


def test_a_file_cut_anywhere_gives_what_is_whole(tmp_path: Path) -> None:
    whole = records(*(loss(step, 1.0) for step in range(1, 5)))
    size = len(whole) // 4
    for end in range(len(whole)):
        (tmp_path / "events.out.tfevents.1").write_bytes(whole[:end])
        points = events.scalars(RunFolder(tmp_path), "loss/").get("loss/generator", [])
        assert len(points) in (end // size, (end + 4) // size)  # the sum at a record's end is not needed


@pytest.mark.parametrize("length", [1 << 20, 1 << 40, (1 << 64) - 1])
def test_a_claimed_length_is_not_believed(length: int, tmp_path: Path) -> None:
    data = records(loss(1, 1.0)) + struct.pack("<QI", length, 0) + b"x" * 100
    (tmp_path / "events.out.tfevents.1").write_bytes(data)
    assert events.scalars(RunFolder(tmp_path), "loss/") == {"loss/generator": [(1, 1.0)]}
