"""Runs of models that translate: from pictures in folders to checkpoints, and on from there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tiny
from gan_experiments.training.restore import Restored
from gan_experiments.training.run import Run


@pytest.fixture
def domains(tmp_path: Path) -> Path:
    """Six pictures of two domains for training and three for testing, with names that make them pairs."""
    random = np.random.default_rng(0)
    for split, count in (("train", 6), ("test", 3)):
        for domain in "AB":
            folder = tmp_path / "pictures" / f"{split}{domain}"
            folder.mkdir(parents=True)
            for index in range(count):
                pixels = random.integers(0, 256, (20, 24, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{index}.png")
    return tmp_path / "pictures"


def settings(model: str, domains: Path, *overrides: str) -> list[str]:
    pool = ["model.pool=3"] if model == "cyclegan" else []
    return [
        f"model={model}",
        "data=paired_folders",
        f"data.path={domains}",
        f"paths.data={domains.parent}",
        "data.image_size=16",
        "network.width=2",
        "network.discriminator_layers=1",
        "train.batch_size=2",
        *pool,
        *overrides,
    ]


@pytest.mark.parametrize("model", tiny.TRANSLATORS)
def test_a_run_shows_its_translations_and_restores_them(
    model: str, compose: Any, domains: Path, tmp_path: Path
) -> None:
    config, record = compose(*settings(model, domains, "train.sample_every=2"))
    run = Run(config, tmp_path / "run", record)
    run.train()
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["status"] == "finished"
    pictures = sorted(path.name for path in (tmp_path / "run" / "samples").glob("step_*.png"))
    assert pictures == ["step_00000002.png", "step_00000004.png"]
    restored = Restored(tmp_path / "run" / "checkpoints" / "last.pt", torch.device("cpu"))
    sources = config.data.load("test", domains.parent).sources
    inputs = restored.model.feed(0, torch.device("cpu"), sources).take(3)
    for direction in restored.model.translations:
        images = restored.generate(inputs, direction)
        assert images.shape == (3, 3, 16, 16)
        torch.testing.assert_close(images, run.sampler(inputs, direction))
