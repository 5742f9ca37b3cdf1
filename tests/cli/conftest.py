"""`gan-train` in this process with a stand-in for the training, in an empty folder."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gan_experiments.cli import train
from gan_experiments.config import Config

SRC = Path(train.__file__).resolve().parent.parent.parent
VALUE = {"fd_lenet": 12.5}


@dataclass
class Trainer:
    """Stands in for `training.run`: remembers its calls, writes what a run leaves, raises what it is told to."""

    calls: list[tuple[Config, Path, dict[str, Any]]] = field(default_factory=list)
    errors: dict[int, BaseException] = field(default_factory=dict)  # by seed

    def __call__(
        self, config: Config, folder: Path, record: dict[str, Any], begin: Callable[[], None]
    ) -> dict[str, float]:
        begin()
        self.calls.append((config, folder, record))
        (folder / "checkpoints").mkdir(exist_ok=True)
        (folder / "checkpoints" / "last.pt").write_text(f"steps={config.train.steps}")
        error = self.errors.get(config.seed)
        status = "finished" if error is None else "failed"
        summary = {"status": status, "seconds": 1.0, "metrics": {"fd_lenet": 12.5 + config.seed}}
        (folder / "summary.json").write_text(json.dumps(summary))
        if error is not None:
            raise error
        return summary["metrics"]  # type: ignore[return-value]

    @property
    def config(self) -> Config:
        """The settings of the last call."""
        return self.calls[-1][0]

    @property
    def folder(self) -> Path:
        return self.calls[-1][1]


@dataclass
class Result:
    code: int
    out: str
    err: str


Command = Callable[..., Result]


@pytest.fixture
def trainer(monkeypatch: pytest.MonkeyPatch) -> Trainer:
    trainer = Trainer()
    monkeypatch.setattr(train, "start", trainer)
    monkeypatch.setattr(train, "check", lambda config: None)
    return trainer


@pytest.fixture
def gan_train(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`gan_train("model=san", ...)` runs the command in `tmp_path`."""
    for name in ("GAN_CONF", "GAN_DATA", "HYDRA_FULL_ERROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.level, root.handlers[:]

    def call(*arguments: str) -> Result:
        capfd.readouterr()
        code = train.main(arguments)
        out, err = capfd.readouterr()
        return Result(code, out, err)

    yield call
    root.level, root.handlers[:] = before


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`shell("command with $GAN_TRAIN")`: a real process in `tmp_path`."""

    def run(command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        gan_train = f"{sys.executable} -m gan_experiments.cli.train"
        environment = {**os.environ, "PYTHONPATH": str(SRC), "GAN_TRAIN": gan_train, **variables}
        return subprocess.run(
            ["bash", "-c", command],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=120,
        )

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, str], Path]:
    """`write("mine/model/mine.yaml", text)` in `tmp_path`."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write
