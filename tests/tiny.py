"""A run small enough for a test, composed from the real configs."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image

from gan_experiments.cli.arguments import expanded
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.components import register
from gan_experiments.config import Config

if TYPE_CHECKING:
    from gan_experiments.training.run import Run

CONF = Path(__file__).resolve().parent.parent / "conf"

# The shipped models by what their generators are given; the translators need data with two domains.
TRANSLATORS = ["cut", "cyclegan", "fastcut", "pix2pix", "pix2pix_gan", "pix2pix_l1"]
MODELS = sorted({file.stem for file in (CONF / "model").glob("[!_]*.yaml")} - {*TRANSLATORS})

# A run that takes a second: the smallest networks, eight images at a time, nothing evaluated.
TINY = [
    "data=digits",
    "metrics=none",
    "network.width=4",
    "gpu=cpu",
    "train.batch_size=8",
    "train.steps=4",
    "train.log_every=2",
    "train.sample_every=100",
    "train.checkpoint_every=2",
    "train.evaluate_every=100",
]


# Pictures of each domain: names that both have are partners, so that more of one domain are for data without pairs.
PAIRS = {"trainA": 12, "trainB": 12, "testA": 10, "testB": 10}
APART = {**PAIRS, "trainB": 13, "testB": 11}


def translation(folder: Path, model: str) -> list[str]:
    """Overrides of a tiny run of a translator, whose data are pictures of noise that this writes into `folder`."""
    paired = model.startswith("pix2pix")
    numbers = np.random.default_rng(0)
    for name, count in (PAIRS if paired else APART).items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            coarse = numbers.integers(0, 256, (5, 6, 3), dtype=np.uint8)
            Image.fromarray(coarse.repeat(4, 0).repeat(4, 1)).save(folder / name / f"{index:02d}.png")
    return [
        f"model={model}",
        f"data={'paired' if paired else 'domain'}_folders",
        f"data.path={folder}",
        f"paths.data={folder}",
        "data.image_size=16",
        "network.width=2",
        "network.discriminator_layers=1",
        "train.batch_size=2",
    ]


def overridden(*overrides: str) -> list[str]:
    """TINY's overrides without those of the same key, then these."""
    keys = {override.partition("=")[0] for override in overrides}
    return [override for override in TINY if override.partition("=")[0] not in keys] + list(overrides)


def compose(*overrides: str) -> tuple[Config, dict[str, Any]]:
    """The settings of a tiny run with these overrides, and the record that goes into its checkpoints."""
    cfg = _composed(overrides)
    record = {
        "config": OmegaConf.to_container(cfg, resolve=True, enum_to_str=True),
        "choices": {},
        "overrides": [*overrides],
    }
    config = OmegaConf.to_object(cfg)
    assert isinstance(config, Config)
    return config, record


@functools.cache
def _composed(overrides: tuple[str, ...]) -> DictConfig:
    register()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        return hydra.compose("train", expanded(overridden(*overrides), Catalogue.of("train", [])))


def weights(run: Run) -> torch.Tensor:
    """All weights of a run, averages included, in one vector."""
    networks = [*run.networks.values(), *run.engine.ema.values()]
    return torch.cat([w.detach().flatten() for network in networks for w in network.parameters()])
