"""Where a run's scalars and pictures go, with the real packages where they are installed."""

from __future__ import annotations

import importlib.util
import logging
import sqlite3
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from matplotlib.figure import Figure

import tiny
from gan_experiments.errors import UserError
from gan_experiments.training.launch import check
from gan_experiments.training.loggers import Logger, TensorBoard, Trackio, Wandb

RECORD: dict[str, Any] = {"config": {"seed": 1}, "choices": {"model": "gan"}, "provenance": {}}


def log_to(logger: Logger, folder: Path, start: int, last: int) -> None:
    logger.open(folder, start, RECORD)
    for step in range(start + 1, last + 1):
        logger.scalars(step, {"loss/generator": float(step)})
    logger.picture("samples", last, torch.zeros(3, 8, 8))
    logger.figure("separability", last, Figure())
    logger.close()


@pytest.mark.parametrize(
    ("choice", "kinds"),
    [("tensorboard", [TensorBoard]), ("none", []), ("[tensorboard,wandb]", [TensorBoard, Wandb]),
     ("trackio", [Trackio])],
)  # fmt: skip
def test_one_several_or_none(choice: str, kinds: list[type]) -> None:
    config, _ = tiny.compose(f"logger={choice}")
    assert [type(logger) for logger in config.logger.values()] == kinds


def test_a_missing_package_is_said_before_anything_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    config, _ = tiny.compose("logger=wandb")
    with pytest.raises(
        UserError, match=r"logger=wandb needs a package: pip install .gan-experiments\[wandb\]"
    ):
        check(config)


@pytest.mark.parametrize("where", ["init", "log", "finish"])
def test_a_lost_connection_stops_no_run(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def lost(*_: Any, **__: Any) -> Any:
        raise ConnectionError("no route\nto host")

    run = SimpleNamespace(log=lambda *_, **__: None, finish=lambda: None)
    module: Any = ModuleType("trackio")
    module.init, module.Image = lambda **_: run, lambda image: image
    setattr(module if where == "init" else run, where, lost)
    monkeypatch.setitem(sys.modules, "trackio", module)
    log_to(Trackio("mine"), tmp_path, 0, 3)
    assert caplog.messages == ["trackio: no route to host; the run goes on without it"]


def test_wandb_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    folder = tmp_path / "gan-digits" / "run"
    folder.mkdir(parents=True)
    log_to(Wandb("mine"), folder, 0, 2)
    log_to(Wandb("mine"), folder, 2, 3)
    run_id = (folder / "run_id").read_text()
    assert len(list(folder.glob(f"wandb/offline-run-*-{run_id}/*.wandb"))) >= 1
    assert len(list(folder.glob("wandb/offline-run-*/files/media/images/*.png"))) >= 2


def test_trackio_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    folder = tmp_path / "gan-digits" / "run"
    folder.mkdir(parents=True)
    caplog.set_level(logging.WARNING)
    log_to(Trackio("mine"), folder, 0, 2)
    log_to(Trackio("mine"), folder, 2, 3)  # goes on with the same run
    with sqlite3.connect(tmp_path / "trackio" / "mine.db") as database:
        rows = database.execute("select distinct run_name, step from metrics order by step").fetchall()
    assert rows == [(f"gan-digits/run {(folder / 'run_id').read_text()}", step) for step in (1, 2, 3)]
    assert caplog.messages == []
