"""What discriminators still tell apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from script_helpers import load

import tiny
from gan_experiments.data.transforms import to_float
from gan_experiments.training import run

module = load("overfitting")


def trained(folder: Path, *words: str) -> Path:
    folder.mkdir()
    config, record = tiny.compose("network=mlp", "train.steps=1", *words, f"paths.data={folder.parent}")
    run(config, folder, record)
    return folder


def test_the_chance_of_a_higher_score_counts_ties_by_half() -> None:
    assert module.above(torch.tensor([1.0, 3.0]), torch.tensor([0.0, 2.0])) == 0.75
    assert module.above(torch.tensor([1.0]), torch.tensor([1.0, 1.0, 2.0])) == pytest.approx(1 / 3)
    rng = np.random.default_rng(0)
    high, low = rng.integers(0, 9, 40), rng.integers(0, 9, 60)
    expected = ((high[:, None] > low).mean() + (high[:, None] >= low).mean()) / 2
    assert module.above(torch.from_numpy(high), torch.from_numpy(low)) == pytest.approx(expected)


@pytest.mark.parametrize("model", ["gan", "cgan"])
def test_a_discriminator_that_remembers_is_found_out(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained(tmp_path / model, f"model={model}")
    trained_model = module.gan_experiments.load(folder)
    train, test = (trained_model.data(split) for split in ("train", "test"))
    known = {image.numpy().tobytes() for image in to_float(torch.from_numpy(train.images))}
    held_out = {image.numpy().tobytes() for image in to_float(torch.from_numpy(test.images))}

    def remembers(_: object, images: torch.Tensor, labels: object = None) -> torch.Tensor:
        keys = [image.numpy().tobytes() for image in images]
        return torch.tensor([2.0 * (key in known) + (key in held_out) for key in keys])

    kind = type(trained_model.model)
    monkeypatch.setattr(kind, "score" if model == "cgan" else "scores", remembers)
    assert module.main([str(folder), "--samples", "100"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"| {model} | 1.000 | 1.000 |"


def test_one_that_has_hardly_been_trained_remembers_nothing(tmp_path: Path) -> None:
    folder = trained(tmp_path / "san", "model=conditional_san")
    remembered, told_apart = module.judged(module.gan_experiments.load(folder), 500)
    assert remembered == pytest.approx(0.5, abs=0.08)
    assert told_apart != remembered


def test_what_has_no_scores_is_named(
    tmp_path: Path, cyclegan: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained(tmp_path / "vae", "model=vae")
    assert module.main([str(folder), str(cyclegan)]) == 1
    said = capsys.readouterr().err
    assert "vae" in said
    assert "this method's discriminator has no scores" in said
    assert "this model translates images" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [(["elsewhere"], "elsewhere"), (["run", "--samples", "0"], "--samples must be at least 1, not 0")],
)
def test_mistakes_are_said_in_a_sentence(
    words: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    trained(tmp_path / "run", "model=gan")
    with pytest.raises(SystemExit) as stopped:
        module.main(words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
