"""`gan-sample` of a model that is told the class."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from gan_experiments import load
from gan_experiments.cli import sample
from gan_experiments.errors import UserError
from gan_experiments.training.restore import Restored


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gan_experiments.training import run

    config, record = tiny.compose(
        "model=conditional_san", "network=mlp", "data.image_size=16", "train.steps=1"
    )
    folder = tmp_path_factory.mktemp("told")
    run(config, folder, record)
    return folder


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["gan-sample", *map(str, arguments)])
    return sample.main()


def files(folder: Path) -> list[Any]:
    return [np.asarray(Image.open(path)) for path in sorted(folder.glob("*.png"))]


def test_a_class_can_be_asked_for(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    for label in (3, 4):
        assert (
            call(monkeypatch, trained, "--images", 5, "--label", label, "--output", tmp_path / str(label))
            == 0
        )
    restored = Restored(trained / "checkpoints" / "last.pt", torch.device("cpu"))
    inputs = restored.feed(0, label=3).take(5)
    assert inputs.labels.tolist() == [3] * 5
    expected = (restored.generate(inputs).float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)[:, 0].numpy()
    assert np.array_equal(np.stack(files(tmp_path / "3")), expected)
    assert not np.array_equal(np.stack(files(tmp_path / "4")), expected)


def test_a_walk_keeps_its_class(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    model = load(trained)
    ends = model.feed(0).take(4)
    assert len(ends.labels.unique()) > 1
    way = model.between(ends[slice(0, 2)], ends[slice(2, 4)], 5)
    labels = way.labels.view(2, 5)
    assert torch.equal(labels, ends.labels[:2, None].expand(-1, 5))
    z = way.z.view(2, 5, -1)
    torch.testing.assert_close(z[:, 0], ends.z[:2])
    torch.testing.assert_close(z[:, -1], ends.z[2:])
    assert call(monkeypatch, trained, "--interpolate", 2, "--label", 1, "--output", tmp_path / "x.png") == 0


@pytest.mark.parametrize("label", [[], ["--label", 3]])
def test_fewer_images_are_the_first_of_more(
    label: list[Any], trained: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    for count in (5, 20):
        output = ["--output", tmp_path / str(count)]
        assert call(monkeypatch, trained, "--images", count, *label, *output, "--seed", 0) == 0
    few, many = (np.stack(files(tmp_path / name)) for name in ("5", "20"))
    assert np.abs(few.astype(int) - many[:5]).max() <= 1
    assert np.abs(few.astype(int) - many[5:10]).max() > 1


def test_the_folder_says_the_class(trained: Path, monkeypatch: Any, capsys: Any) -> None:
    assert call(monkeypatch, trained, "--images", 1, "--label", 3, "--seed", 2) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder == trained / "samples" / "images_step_00000001_seed_2_label_3"
    assert len(files(folder)) == 1


def test_a_class_that_is_not_there(trained: Path, monkeypatch: Any, capsys: Any) -> None:
    assert call(monkeypatch, trained, "--label", 10) == 2
    assert "the classes are 0 to 9, so there is no 10" in capsys.readouterr().err


def test_a_model_that_is_not_told(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    from gan_experiments.training import run

    config, record = tiny.compose("model=gan", "data.image_size=16", "train.steps=1")
    run(config, tmp_path, record)
    capsys.readouterr()
    assert call(monkeypatch, tmp_path, "--label", 1) == 2
    assert "not told which class" in capsys.readouterr().err


def test_a_class_has_the_name_that_the_data_gives_it(trained: Path) -> None:
    restored = Restored(trained / "checkpoints" / "last.pt", torch.device("cpu"))
    assert restored.shape.class_names == tuple("0123456789")
    restored.shape = dataclasses.replace(restored.shape, class_names=("cat", "dog"))
    assert (restored.label("dog"), restored.label("1"), restored.label("7")) == (1, 1, 7)
    with pytest.raises(UserError, match="there is no class 'dgo': its classes are cat, dog"):
        restored.label("dgo")
