"""`gan-sample --reconstruct` and `--interpolate --from`: real images through an encoder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from gan_experiments.cli import sample
from gan_experiments.grids import to_uint8
from gan_experiments.training.restore import Restored
from gan_experiments.types import Inputs


def trained_folder(folder: Path, model: str) -> Path:
    from gan_experiments.training import run

    config, record = tiny.compose(f"model={model}", "network=mlp", "data.image_size=16", "train.steps=2")
    run(config, folder, record)
    return folder


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_folder(tmp_path_factory.mktemp("vae"), "vae")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four grey pictures, larger than the model's and not square."""
    numbers = np.random.RandomState(0)
    (tmp_path / "mine").mkdir()
    for name in "abcd":
        pixels = np.kron(numbers.randint(0, 256, (8, 10)), np.ones((4, 4))).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / "mine" / f"{name}.png")
    return tmp_path / "mine"


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["gan-sample", *map(str, arguments)])
    return sample.main()


def tile(path: Path, row: int, column: int, scale: int = 8) -> np.ndarray:
    """An image of 16 pixels, each of which a picture four or five images wide repeats."""
    top, left = (2 + place * (16 * scale + 2) for place in (row, column))
    picture = np.asarray(Image.open(path).convert("L")).astype(int)
    return picture[top : top + 16 * scale : scale, left : left + 16 * scale : scale]


def decoded(run: Path, pixels: np.ndarray) -> np.ndarray:
    restored = Restored(run / "checkpoints" / "last.pt", torch.device("cpu"))
    image = torch.from_numpy(pixels).float().view(1, 1, 16, 16) / 127.5 - 1
    with torch.no_grad():
        reconstructed = restored.sampler.panels(Inputs(images=image))["reconstruction"]
    return to_uint8(reconstructed)[0, 0].numpy().astype(int)


def test_the_runs_own_test_images_stand_beside_their_reconstructions(
    vae: Path, monkeypatch: Any, capsys: Any
) -> None:
    assert call(monkeypatch, vae, "--reconstruct", 5) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == vae / "samples" / "reconstruction_step_00000002.png"
    config, _ = tiny.compose("data.image_size=16")
    real = config.data.load("test", Path("nowhere")).images
    assert Image.open(path).size == (4 * 130 + 2, 3 * 130 + 2)  # two pairs to a row
    assert np.abs(tile(path, 0, 0) - real[0, 0]).max() <= 1
    assert np.abs(tile(path, 1, 2) - real[3, 0]).max() <= 1
    assert np.abs(tile(path, 1, 3) - decoded(vae, real[3, 0])).max() <= 1


def test_a_walk_between_pictures_of_a_folder_has_their_reconstructions_at_its_ends(
    vae: Path, folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    pairs, walk = tmp_path / "pairs.png", tmp_path / "walk.png"
    assert call(monkeypatch, vae, "--reconstruct", 4, "--from", folder, "--output", pairs) == 0
    arguments = ["--interpolate", 2, "--steps", 5, "--from", folder, "--output", walk]
    assert call(monkeypatch, vae, *arguments) == 0
    assert Image.open(walk).size == (5 * 114 + 2, 2 * 114 + 2)
    # Rows go from the first pictures (a, b) to the others (c, d).
    places = {(0, 0): (0, 1), (1, 0): (1, 1), (0, 4): (2, 1), (1, 4): (3, 1)}
    for (row, column), place in places.items():
        assert np.abs(tile(walk, row, column, 7) - tile(pairs, *place, 16)).max() <= 1
    assert np.abs(tile(walk, 0, 2, 7) - tile(walk, 0, 0, 7)).max() > 0


def test_mistakes(vae: Path, folder: Path, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    gan = trained_folder(tmp_path / "gan", "gan")
    capsys.readouterr()
    for arguments, message in (
        ([gan, "--reconstruct", 2], "this model cannot encode images; vae, aae, "),
        ([gan, "--interpolate", 2, "--from", "data"], "this model cannot encode images"),
        ([vae, "--reconstruct", 5, "--from", folder], "has 4 images, and this takes 5"),
        ([vae, "--reconstruct", 5, "--from", "nowhere"], "there is no folder nowhere"),
        ([vae, "--reconstruct", 0], "--reconstruct must be at least 1, not 0"),
        (
            [vae, "--grid", 4, "--from", folder],
            "--from belongs to --reconstruct, --interpolate and models that translate",
        ),
    ):
        assert call(monkeypatch, *arguments) == 2
        assert message in capsys.readouterr().err
