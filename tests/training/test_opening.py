"""What a run says before its first update."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

import tiny
from gan_experiments.data import ImageSet
from gan_experiments.training.opening import opening

MACHINE = {"device": "a processor", "devices": 2, "threads": 4, "precision": "bf16"}


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (
            ["model=san", "data=digits", "train.steps=1500"],
            ["device     a processor, 2 ranks, threads 4", "precision  bf16",
             "data       digits, 1,234 images of 1x32x32, 10 classes", "model      san",
             "networks   DCGAN, parameters: generator 6, discriminator 3", "loss       Hinge",
             "optimiser  Adam, lr 0.001, beta1 0.0, beta2 0.99", "length     1,500 steps, 8 images a batch",
             "folder     outputs/run"],
        ),
        (
            ["model=wgan_gp", "optim.schedule=linear", "optim.discriminator_lr=4e-4", "train.images=96000"],
            ["loss       Wasserstein, gp",
             "optimiser  Adam, lr 0.0001, discriminator_lr 0.0004, beta1 0.5, beta2 0.9, linear decay",
             "length     96,000 images, 8 images a batch"],
        ),
    ],
)  # fmt: skip
def test_every_line(
    overrides: list[str],
    expected: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    config, record = tiny.compose(*overrides)
    record |= {"choices": {"model": overrides[0][6:], "data": "digits"}, "provenance": MACHINE}
    real = ImageSet(torch.zeros(1234, 1, 1, 1, dtype=torch.uint8).numpy())
    networks = {"generator": nn.Linear(2, 2), "discriminator": nn.Linear(2, 1)}
    lines = opening(config, record, real, networks, tmp_path / "outputs" / "run").splitlines()
    assert [line for line in lines if line in expected] == expected


class OnCuda(nn.Linear):
    """Says that it is on a CUDA device, on machines without one too."""

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        return iter([SimpleNamespace(device=torch.device("cuda"), numel=lambda: 1)])


@pytest.mark.parametrize(
    ("graphs", "expected"), [(False, "gpu.graphs=true replays them"), (True, "replayed")]
)
def test_a_gpu_run_says_whether_its_updates_are_replayed(graphs: bool, expected: str, tmp_path: Path) -> None:
    config, record = tiny.compose("model=san", f"gpu.graphs={graphs}")
    record |= {"choices": {}, "provenance": MACHINE}
    real = ImageSet(torch.zeros(4, 1, 1, 1, dtype=torch.uint8).numpy())
    (line,) = [
        line
        for line in opening(config, record, real, {"generator": OnCuda(2, 2)}, tmp_path).splitlines()
        if line.startswith("updates")
    ]
    assert expected in line
