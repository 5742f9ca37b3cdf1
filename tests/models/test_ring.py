"""A few hundred steps on the ring of 8 Gaussians bring every noise-to-point method to its modes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gan_experiments.losses.sliced import random_directions, sliced_wasserstein2
from gan_experiments.metrics.planar import Modes, captured
from gan_experiments.noise import Noise
from gan_experiments.training.run import Run

RING = [
    "data=ring",
    "data.sigma=0.05",
    "network=mlp",
    "network.width=32",
    "model.latent_dim=2",
    "optim.lr=1e-3",
    "train.batch_size=128",
    "train.steps=300",
    "train.ema=0.99",
]
SLICES = ["model.directions=100"]
R1 = ["optim.beta1=0", "+penalty@model.penalties.r1=r1", "model.penalties.r1.weight=0.2"]
METHODS: dict[str, list[str]] = {
    "gan": [],
    "lsgan": ["model.discriminator_norm=none"],
    "r3gan": [],
    "dragan": ["model.penalties.dragan.weight=0.1"],
    "wgan_gp": ["model.penalties.gp.weight=0.1"],  # Gulrajani et al.'s own for the plane
    "mmdgan_gp": ["train.steps=100"],
    # Points are not bounded as pixels are, and the rank term drives them to infinity.
    "mmdgan": [
        "model.rank_weight=0",
        "model.code_dim=16",
        "model.discriminator_norm=none",
        "model.penalties.clip.limit=0.1",
    ],
    "swgan": SLICES,
    "sliced": SLICES,
} | {
    f"fgan loss=fgan_{divergence}": R1 + (["train.steps=600"] if divergence == "kl" else [])
    for divergence in ("kl", "reverse_kl", "pearson", "neyman", "hellinger", "js", "gan", "total_variation")
}


def figures(run: Run) -> tuple[Modes, float]:
    """Modes of 2,500 generated points, and their sliced Wasserstein distance from as many real ones."""
    points = run.engine.generate(run.model.latents(Noise(5, run.device), 2500)).flatten(1)
    real = torch.from_numpy(run.real.images[:2500]).flatten(1)
    directions = random_directions(Noise(6, run.device), 200, 2)
    modes = captured(points, torch.from_numpy(run.real.centres), run.real.reach, within=1)
    return modes, sliced_wasserstein2(points, real, directions).sqrt().item()


QUICK = {("gan", 0), ("r3gan", 0), ("sliced", 0)}  # seconds each: part of the default run
TRIALS = [
    pytest.param(method, seed, marks=[] if (method, seed) in QUICK else pytest.mark.quality)
    for method in METHODS
    for seed in (0, 1, 2)
]


@pytest.mark.parametrize(("method", "seed"), TRIALS)
def test_eight_modes_and_a_third_of_the_distance(
    method: str, seed: int, compose: Any, tmp_path: Path
) -> None:
    model = f"model={method}".split()
    config, record = compose(*model, *RING, f"seed={seed}", *METHODS[method])
    run = Run(config, tmp_path, record)
    before, distance_before = figures(run)
    assert before.high_quality < 0.01
    while run.engine.step < config.train.steps:
        run.engine.iterate()
    after, distance = figures(run)
    print(f"{method} {seed}: {after}, distance {distance_before:.3f} -> {distance:.3f}")
    assert after.captured == 8
    assert after.high_quality > 0.08
    assert distance < distance_before / 3
