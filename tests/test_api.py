"""Trained models as a library."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import gan_experiments
import tiny
from gan_experiments import TrainedModel, load
from gan_experiments.errors import UserError
from gan_experiments.grids import to_uint8


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a model that is told the class, measured over a feature network."""
    from gan_experiments.training import run

    folder = tmp_path_factory.mktemp("conditional")
    settings = ["network=mlp", "data.image_size=32", "train.steps=1", "metrics=lenet", "metrics.samples=60"]
    config, record = tiny.compose("model=conditional_san", *settings, f"paths.data={folder}")
    run(config, folder, record)
    return folder


@pytest.fixture(scope="module")
def model(run: Path) -> TrainedModel:
    return load(run)


def test_the_package_is_imported_without_torch() -> None:
    code = (
        "import sys, gan_experiments; assert 'load' in gan_experiments.__all__; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_only_public_names_are_there() -> None:
    assert all(callable(getattr(gan_experiments, name)) for name in gan_experiments.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Restored'"):
        gan_experiments.Restored  # noqa: B018


def test_a_model_is_loaded_by_folder_step_and_file(run: Path) -> None:
    images = [load(*of).sample(2) for of in ((run,), (str(run), 1), (run / "checkpoints" / "last.pt",))]
    assert torch.equal(images[0], images[1])
    assert torch.equal(images[0], images[2])
    for arguments, message in (
        ({"checkpoint": 7}, "has no checkpoint '7'; it has: best, last, step_00000001"),
        ({"device": "warp"}, "device warp: "),
    ):
        with pytest.raises(UserError, match=message):
            load(run, **arguments)


def test_samples_are_of_the_class_and_seed_that_are_asked_for(model: TrainedModel) -> None:
    images = model.sample(16, label=3)
    assert (images.shape, images.dtype) == ((16, 1, 32, 32), torch.float32)
    expected = model.generate(model.feed(0, 3).take(16))
    assert torch.equal(images, expected)
    assert torch.equal(model.sample(16, label="3"), expected)
    assert not torch.allclose(model.sample(16, label=3, seed=1), expected)
    assert not torch.allclose(model.sample(16, label=4), expected)
    torch.testing.assert_close(model.sample(300)[:5], model.sample(5))  # two batches
    assert [len(batch) for batch in model.batches(300)] == [256, 44]


def test_a_grid_has_the_classes_in_order(model: TrainedModel) -> None:
    inputs = model.model.ordered(model.feed(0).take(64))
    assert inputs.labels.tolist() == sorted(inputs.labels.tolist())
    assert len(inputs.labels.unique()) == 10
    tiles = np.asarray(model.grid().convert("L"))[2:-2, 2:-2]
    assert tiles.shape == (526, 526)
    first = tiles[:64:2, 66:130:2].astype(int)  # the second, pixels repeated once
    assert np.abs(first - to_uint8(model.generate(inputs))[1, 0].numpy().astype(int)).max() <= 1


def test_walks_end_as_they_begin_and_keep_their_classes(model: TrainedModel) -> None:
    frames = torch.stack(list(model.walk(4, corners=3, steps=5)))
    assert frames.shape == (15, 4, 1, 32, 32)
    first = model.generate(model.model.ordered(model.feed(0).take(4)))
    torch.testing.assert_close(frames[0], first)
    moves = (frames.roll(-1, 0) - frames).abs().amax(dim=(1, 2, 3, 4))
    assert moves.max() < 3 * moves.median()  # also from the last to the first
    assert not torch.allclose(frames[5], frames[0])


def test_the_nearest_real_image_of_a_real_one_is_itself(model: TrainedModel) -> None:
    real = torch.from_numpy(np.array(model.data("train").images[:3])) / 127.5 - 1
    near = model.neighbours(real)
    assert near.shape == (3, 5, 1, 32, 32)
    torch.testing.assert_close(near[:, 0], real)
    assert not torch.allclose(near[:, 1], real)


def test_neighbours_stand_behind_the_samples(
    run: Path, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gan_experiments.cli import sample

    monkeypatch.setattr(
        sys, "argv", ["gan-sample", str(run), "--neighbours", "2", "--output", f"{tmp_path}/n.png"]
    )
    assert sample.main() == 0
    picture = np.asarray(Image.open(tmp_path / "n.png").convert("L")).astype(int)
    assert picture.shape == (2 * 98 + 2, 6 * 98 + 2)
    images = model.sample(2)
    second = torch.cat([images[:, None], model.neighbours(images)], 1)[1]
    tiles = [picture[100:196:3, 2 + 98 * column : 98 + 98 * column : 3] for column in range(6)]
    assert np.abs(np.stack(tiles) - to_uint8(second)[:, 0].numpy()).max() <= 1


def test_a_translation_keeps_proportions(cyclegan: Path) -> None:
    model = load(cyclegan)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
    assert model.translate(picture).size == (24, 16)
    there, back = (np.asarray(model.translate(picture, way)) for way in ("a_to_b", "b_to_a"))
    assert np.array_equal(there, np.asarray(model.translate(picture)))
    assert not np.array_equal(there, back)
    for call, message in (
        (lambda: model.sample(4), "this model translates images, and draws none from latents"),
        (
            lambda: model.translate(picture, "up"),
            "there is no direction 'up': this model has a_to_b and b_to_a",
        ),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_what_a_model_cannot_do_is_said(model: TrainedModel) -> None:
    image: Any = torch.zeros(1, 1, 32, 32)
    for call, message in (
        (lambda: model.encode(image), "cannot encode images"),
        (lambda: model.reconstruct(image), "cannot encode images"),
        (lambda: model.translate(Image.new("L", (4, 4))), "does not translate images"),
        (lambda: model.real_images(10**6), "data has 297 images, and this takes 1000000"),
    ):
        with pytest.raises(UserError, match=message):
            call()
