"""A translator's pictures: rows of source, output, reconstruction and target, of the same images at every turn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import tiny
from gan_experiments.grids import SEAM, WIDTH
from gan_experiments.training.pictures import Pictures
from gan_experiments.training.recorder import NullRecorder
from gan_experiments.training.run import Run

SIZE = 16


class Kept(NullRecorder):
    """Keeps the last picture of each name."""

    def __init__(self) -> None:
        self.pictures: dict[str, Tensor] = {}

    def picture(self, name: str, step: int, picture: Tensor, file: str = "") -> None:
        self.pictures[name] = picture


def drawn(compose: Any, folder: Path, model: str, *overrides: str) -> tuple[Run, Tensor]:
    """The picture of translations of a run whose outputs are the negatives of their sources."""
    config, record = compose(*tiny.translation(folder, model), *overrides)
    return of_run(Run(config, folder, record))


def of_run(run: Run) -> tuple[Run, Tensor]:
    run.model.sample = lambda networks, inputs, direction="": -inputs.images  # type: ignore[method-assign]
    recorder = Kept()
    pictures = Pictures.of(run.config, recorder, run.sampler, run.networks, run.real, run.pictured)
    assert isinstance(pictures, Pictures)
    pictures.start()
    pictures.draw(1)
    assert "real" in recorder.pictures
    return run, recorder.pictures["samples/translations"]


def scale_of(across: int) -> int:
    """How often a grid that has `across` images in a row repeats their pixels."""
    return math.ceil(((WIDTH - SEAM) / across - SEAM) / SIZE)


def tile(picture: Tensor, row: int, column: int, across: int) -> np.ndarray:
    """The pixels of one image of a grid that has `across` in a row, uint8 (3, h, w)."""
    scale = scale_of(across)
    top, left = (SEAM + place * (SIZE * scale + SEAM) for place in (row, column))
    large = picture[:, top : top + SIZE * scale : scale, left : left + SIZE * scale : scale]
    return (large * 255).round().to(torch.uint8).numpy()


def test_pairs_stand_beside_their_targets(compose: Any, tmp_path: Path) -> None:
    run, picture = drawn(compose, tmp_path, "pix2pix")
    test = run.config.data.load("test", tmp_path)
    assert test.sources is not None
    places = [(row, column) for row in range(4) for column in (0, 3)]  # two in a row
    for index, (row, column) in enumerate(places):
        source, output, target = (tile(picture, row, column + beside, 6) for beside in range(3))
        np.testing.assert_array_equal(source, test.sources[index])
        np.testing.assert_array_equal(output, 255 - test.sources[index])
        np.testing.assert_array_equal(target, test.images[index])


@pytest.mark.parametrize("count", [2, 8])
def test_both_directions_whatever_the_numbers_of_test_images(
    compose: Any, tmp_path: Path, count: int
) -> None:
    """Sources, outputs and reconstructions from A, below them those from B."""
    tiny.translation(tmp_path, "cyclegan")
    for file in sorted((tmp_path / "testA").iterdir())[count:]:
        file.unlink()
    settings = [one for one in tiny.translation(tmp_path / "other", "cyclegan") if "path" not in one]
    config, record = compose(*settings, f"data.path={tmp_path}", f"paths.data={tmp_path}")
    run, picture = of_run(Run(config, tmp_path, record))
    test = run.config.data.load("test", tmp_path)
    assert test.sources is not None
    assert len(test.sources) == count
    across, rows = {2: (3, 2), 8: (6, 4)}[count]  # images in a row, two sources in one of many
    below = SEAM + rows * (SIZE * scale_of(across) + SEAM)
    for top, columns, images in ((0, across, test.sources), (below, 6, test.images)):
        source, output, back = (tile(picture[:, top:], 0, column, columns) for column in range(3))
        np.testing.assert_array_equal(source, images[0])
        np.testing.assert_array_equal(output, 255 - images[0])
        np.testing.assert_array_equal(back, images[0])


def test_without_a_test_split_training_images_are_shown_without_their_margin(
    compose: Any, tmp_path: Path
) -> None:
    for name in ("test", "train"):
        for letter in "AB":
            (tmp_path / "mine" / f"{name}{letter}").mkdir(parents=True, exist_ok=True)
    for name in ("testA", "testB"):
        (tmp_path / "mine" / name).rmdir()
    for name in ("trainA", "trainB"):
        for index in range(3):
            pixels = np.random.default_rng(index).integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "mine" / name / f"{index}.png")
    settings = [one for one in tiny.translation(tmp_path / "other", "cyclegan") if "path" not in one]
    mine = [f"data.path={tmp_path / 'mine'}", f"paths.data={tmp_path}", "data.load_size=24"]
    config, record = compose(*settings, *mine)
    _, picture = of_run(Run(config, tmp_path, record))
    middle = np.asarray(Image.open(tmp_path / "mine" / "trainA" / "0.png"))[4:20, 4:20].transpose(2, 0, 1)
    np.testing.assert_array_equal(tile(picture, 0, 0, 3), middle)


def test_what_a_run_leaves(cyclegan: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    names = [path.name for path in sorted((cyclegan / "samples").glob("step_*"))]
    assert names == ["step_00000002.png", "step_00000004.png"]
    events = EventAccumulator(str(cyclegan))
    events.Reload()
    tags = events.Tags()
    assert {"real", "samples/translations"} <= set(tags["images"])
    losses = [f"{name}_{way}" for name in ("adversarial",) for way in ("a_to_b", "b_to_a")]
    losses += [f"{name}_{domain}" for name in ("cycle", "identity") for domain in "ab"]
    expected = {f"loss/generators/{name}" for name in losses}
    expected |= {f"loss/discriminators/adversarial_{domain}" for domain in "ab"}
    expected |= {f"eval/{way}/{name}" for way in ("a_to_b", "b_to_a") for name in ("kid_lenet", "fd_lenet")}
    assert expected <= set(tags["scalars"])
