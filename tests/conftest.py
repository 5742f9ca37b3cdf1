"""What the tests share: composing the real configs, and a run small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import pytest
import torch
from omegaconf import OmegaConf

from gan_experiments.components import register
from gan_experiments.config import Config

CONF = Path(__file__).resolve().parent.parent / "conf"

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

Compose = Callable[..., tuple[Config, dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def compose() -> Compose:
    """`compose("model=san", ...) -> (Config, record)`: the real configs of a tiny run with these overrides."""
    register()

    def make(*overrides: str) -> tuple[Config, dict[str, Any]]:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            cfg = hydra.compose("train", [*TINY, *overrides], return_hydra_config=False)
        record = {
            "config": OmegaConf.to_container(cfg, resolve=True, enum_to_str=True),
            "choices": {},
            "overrides": [*overrides],
        }
        config = OmegaConf.to_object(cfg)
        assert isinstance(config, Config)
        return config, record

    return make
