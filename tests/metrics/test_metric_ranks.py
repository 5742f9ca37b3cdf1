"""Evaluation on two gloo ranks gives the numbers of one process."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import tiny
from gan_experiments import parallel
from gan_experiments.cli import eval as command
from gan_experiments.training import run


@pytest.mark.processors
def test_two_ranks_write_what_one_process_finds(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    """Three batches, the last one smaller, of which the ranks take one and two; real features are shared alike."""
    config, record = tiny.compose(
        "model=san",
        "network=mlp",
        "gpu.devices=2",
        "metrics=lenet",
        "metrics.samples=130",
        "metrics.batch_size=50",
        "train.steps=2",
        "train.evaluate_every=1",
        f"paths.data={tmp_path / 'data'}",
    )
    run(config, tmp_path, record)
    wrote = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in wrote] == [1, 2]
    arguments = [tmp_path, f"paths.data={tmp_path / 'empty'}", "--no-pictures"]  # real features are made anew
    monkeypatch.setattr(sys, "argv", ["gan-eval", *map(str, arguments)])
    assert command.main() == 0
    alone = json.loads((tmp_path / "evaluations" / "step_00000002_lenet.json").read_text())
    for key in ("metrics", "floor", "protocol"):
        assert wrote[1][key] == alone[key]


@pytest.mark.parametrize(("ranks", "pieces"), [(1, 5), (2, 5), (3, 2), (4, 8)])
def test_shares_are_consecutive_and_complete(ranks: int, pieces: int, monkeypatch: Any) -> None:
    monkeypatch.setattr(parallel, "world_size", lambda: ranks)
    shares = []
    for rank in range(ranks):
        monkeypatch.setattr(parallel, "rank", lambda rank=rank: rank)
        shares.append(list(parallel.share(pieces)))
    assert [piece for share in shares for piece in share] == list(range(pieces))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
