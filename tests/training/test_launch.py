"""Two gloo ranks with half the batch each do what one process does with the whole."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from kills import MeanMetrics

from gan_experiments import parallel
from gan_experiments.errors import Interrupted, RunError, UserError
from gan_experiments.metrics.base import Evaluation
from gan_experiments.training import checkpoint, run

# SGD, because Adam's first steps divide rounding errors by themselves; every kind of layer and noise.
CASES = {
    "san": ["model=san", "model.instance_noise=0.1"],
    "dcgan": ["model=dcgan"],
    "gan_gp": ["model=gan_gp", "model.discriminator_steps=2"],
}


@pytest.mark.processors
@pytest.mark.parametrize("case", CASES)
def test_two_ranks_are_one(case: str, compose: Any, tmp_path: Path) -> None:
    settings = [
        *CASES[case],
        "optim=sgd",
        "optim.lr=0.02",
        "train.steps=3",
        "train.log_every=1",
        "train.checkpoint_every=3",
    ]
    weights = []
    for devices in (1, 2):
        folder = tmp_path / str(devices)
        folder.mkdir()
        config, record = compose(*settings, f"gpu.devices={devices}")
        run(config, folder, record)
        weights.append(checkpoint.load(folder / "checkpoints" / "last.pt")["engine"])
        assert json.loads((folder / "summary.json").read_text())["images_seen"] == weights[0]["images_seen"]
    one, two = weights
    for kind in ("networks", "ema"):
        for name, state in one[kind].items():
            for key, value in state.items():
                torch.testing.assert_close(
                    two[kind][name][key], value, rtol=2e-4, atol=2e-5, msg=f"{name}.{key}"
                )


def test_an_error_on_the_ranks_reaches_the_user(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=gan", "gpu.devices=2", "optim=sgd", "optim.lr=1e30", "train.steps=6")
    with pytest.raises(RunError, match="was not finite at step"):
        run(config, tmp_path, record)


def test_a_batch_that_ranks_cannot_share_is_refused(compose: Any, tmp_path: Path) -> None:
    config, record = compose("gpu.devices=2", "train.batch_size=7")
    with pytest.raises(UserError, match="train.batch_size=7 cannot be divided by gpu.devices=2"):
        run(config, tmp_path, record)


@dataclass
class Stopped(MeanMetrics):
    """One rank alone is sent SIGTERM in its first evaluation."""

    rank: int = 0

    def evaluator(self, *arguments: Any) -> Any:
        def evaluate(sample: Any) -> Evaluation:
            if parallel.rank() == self.rank:
                os.kill(os.getpid(), signal.SIGTERM)
            return inner(sample)

        inner = super().evaluator(*arguments)
        return evaluate


@pytest.mark.parametrize(
    ("rank", "step"), [(1, 3), pytest.param(0, 2, marks=pytest.mark.faults)]
)  # the first rank leaves its evaluation, the others are asked after the next step
def test_a_signal_to_one_rank_stops_all_and_is_an_interruption(
    rank: int, step: int, compose: Any, tmp_path: Path
) -> None:
    config, record = compose("model=gan", "network=mlp", "data.image_size=16", "gpu.devices=2", "train.steps=50",
                             "train.checkpoint_every=50", "train.evaluate_every=2")  # fmt: skip
    config.metrics = Stopped(rank)
    with pytest.raises(Interrupted) as stopped:
        run(config, tmp_path, record)
    assert stopped.value.signal_number == signal.SIGTERM
    assert json.loads((tmp_path / "summary.json").read_text())["status"] == "interrupted"
    assert checkpoint.load(tmp_path / "checkpoints" / "last.pt")["engine"]["step"] == step
