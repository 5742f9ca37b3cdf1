"""What is refused, whatever the reason, is refused before anything changes: with the real training behind the command."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny
from gan_experiments.cli import train
from gan_experiments.runs import RunFolder

Call = Callable[..., int]


@pytest.fixture
def gan_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Call]:
    """The command in an empty folder; `gan_train(...)` gives the exit code."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield lambda *words: train.main(words)
    root.level, root.handlers[:] = before


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_refused_resume_changes_nothing(gan_train: Call, tmp_path: Path, capsys: Any) -> None:
    small = tiny.overridden("model=gan", "network=mlp", "hydra.run.dir=run")
    assert gan_train(*small) == 0
    before = state(tmp_path / "run")
    for refused in (
        "train.steps=0",  # by the settings
        "train.steps=3",  # by the checkpoint's step
        "loss=none",  # by the model
        "data.channels=2",  # by the data
        "network=dcgan_small",  # by the networks' shapes
        "optim=rmsprop",  # by the optimisers
        "data.path=nowhere",
        "paths.data=/dev/null/x data=mnist",
    ):
        assert gan_train("resume=run", "train.steps=6", *refused.split()) == 2, refused
        assert "Traceback" not in capsys.readouterr().err
        assert state(tmp_path / "run") == before, refused
    assert RunFolder(tmp_path / "run").status == "finished"
    assert gan_train("resume=run", "train.steps=6") == 0
    assert RunFolder(tmp_path / "run").summary["step"] == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("network=dcgan data.image_size=100", "network=dcgan builds images of"),
        ("model=gan network=biggan", "network=biggan draws images of a given class"),
        ("network.width=10000000", "there is not enough memory: the networks want"),
        ("network.width=100000000000000", "cannot be built"),
        ("optim.eps=-1", "optim: Invalid epsilon value: -1"),
        ("gpu.devices=640 train.batch_size=640", "gpu.devices=640: this machine has"),
        ("data=folder data.path=nowhere data.image_size=32", "there is no folder nowhere"),
    ],
)
def test_what_cannot_be_built_is_refused_before_data_is_read_and_a_folder_made(
    words: str, message: str, gan_train: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    if "nowhere" not in words:
        monkeypatch.setattr("gan_experiments.data.Data.load", lambda *_: pytest.fail("the data was read"))
    assert gan_train("gpu=cpu", "metrics=none", *words.split()) == 2
    assert message in capsys.readouterr().err
    assert not [path for path in (tmp_path / "outputs").rglob("*") if path.is_file()]
