"""A few hundred steps bring every method nearer to the data: on the ring of 8 Gaussians, or on 16-pixel digits.

`pytest -m quality tests/models/test_learning.py` runs all of them on three seeds; the default run takes the first seed
of those that need about a second.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import real

from gan_experiments.losses.sliced import random_directions, sliced_wasserstein2
from gan_experiments.metrics.planar import Modes, captured
from gan_experiments.noise import Noise
from gan_experiments.training.run import Run
from gan_experiments.types import Inputs
from processors import SEED

pytestmark = pytest.mark.processors

RING = [
    "data=ring", "data.sigma=0.05", "network=mlp", "network.width=32", "model.latent_dim=2", "optim.lr=1e-3",
    "train.batch_size=128", "train.steps=300", "train.ema=0.99",
]  # fmt: skip
SLICES = ["model.directions=100"]
R1 = ["optim.beta1=0", "+penalty@model.penalties.r1=r1", "model.penalties.r1.weight=0.2"]
ON_THE_RING: dict[str, list[str]] = {
    "gan": [],
    "lsgan": ["model.discriminator_norm=none"],
    "r3gan": [],
    # In 300 steps one seed in six is still on its way round the ring.
    "dragan": ["model.penalties.dragan.weight=0.1", "train.steps=600"],
    "gan_gp": [
        "model.penalties.gp.weight=0.1",
        "model.discriminator_steps=1",
        "optim.beta1=0",
        "train.steps=600",
    ],
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

DIGITS = [
    "data=digits", "data.image_size=16", "network=mlp", "network.width=64", "network.generator_norm=batch",
    "optim.lr=1e-3", "metrics=lenet", "metrics.samples=1000", "train.batch_size=64", "train.ema=0.99",
]  # fmt: skip
SMALL_CONVOLUTIONS = ["network=dcgan", "network.width=8", "network.generator_norm=batch"]

# Method, steps, its own settings; the factors by which distance and reconstruction error (0: none) must fall.
ON_DIGITS: list[tuple[str, int, list[str], float, float]] = [
    ("dcgan", 300, SMALL_CONVOLUTIONS, 3, 0),
    ("sngan", 300, SMALL_CONVOLUTIONS, 3, 0),
    ("san", 300, SMALL_CONVOLUTIONS, 3, 0),
    ("wgan", 300, ["model.discriminator_norm=none", "model.penalties.clip.limit=0.1"], 3, 0),
    ("vae", 500, [], 7, 8),
    ("aae", 500, [], 6, 6),
    ("ebgan", 400, ["model.margin=5"], 6, 0),
    ("ebgan_pt", 400, ["model.margin=5"], 6, 0),
    ("began", 600, ["model.balance_rate=0.02"], 3, 0),
    ("vaegan", 400, ["model.latent_dim=20", "model.gamma=0.5"], 6, 3),
    ("alphagan", 400, [], 6, 6),
    ("vgh", 400, [], 6, 0),
    ("vghpp", 400, [], 6, 6),
    ("veegan", 1200, ["model.latent_dim=16", "optim.lr=5e-4"], 5, 4),
    ("distgan", 600, [], 3, 3),
    ("gngan", 400, [], 4, 6),
]
QUICK = {
    "gan",
    "lsgan",
    "r3gan",
    "dragan",
    "gan_gp",
    "sliced",
    "fgan loss=fgan_hellinger",
    "wgan",
    "vae",
}


def trials(methods: list[str]) -> list[Any]:
    """Every method on three seeds; of the quick ones the first belongs to the default run."""

    def marks(method: str, seed: int) -> list[Any]:
        return [] if method in QUICK and seed == 0 else [pytest.mark.quality]

    return [
        pytest.param(method, seed + SEED, marks=marks(method, seed))
        for method in methods
        for seed in range(3)
    ]


def points(run: Run) -> tuple[Modes, float]:
    """Modes of 2,500 generated points, and their sliced Wasserstein distance from as many real ones."""
    run.standing.update()
    generated = run.sampler(run.model.inputs(Noise(5, run.device), 2500)).flatten(1)
    real = torch.from_numpy(run.real.images[:2500]).flatten(1)
    directions = random_directions(Noise(6, run.device), 200, 2)
    modes = captured(generated, torch.from_numpy(run.real.centres), run.real.reach, within=1)
    return modes, sliced_wasserstein2(generated, real, directions).sqrt().item()


@pytest.mark.parametrize(("method", "seed"), trials(list(ON_THE_RING)))
def test_all_modes_of_the_ring_and_a_third_of_the_distance(
    method: str, seed: int, compose: Any, tmp_path: Path
) -> None:
    config, record = compose(*f"model={method}".split(), *RING, f"seed={seed}", *ON_THE_RING[method])
    run = Run(config, tmp_path, record)
    before, distance_before = points(run)
    assert before.high_quality < 0.01
    for _ in range(config.train.steps):
        run.engine.iterate()
    after, distance = points(run)
    print(f"{method} {seed}: {after}, distance {distance_before:.3f} -> {distance:.3f}")
    assert after.captured == 8
    assert after.high_quality > 0.08
    assert distance < distance_before / 3


def distance(run: Run) -> float:
    run.standing.update()  # as a run does before it evaluates
    return run.evaluations(run.sampler).values["fd_lenet"]


def error(run: Run) -> float:
    panels = run.sampler.panels(Inputs(images=real(run, 300)))
    return float((panels["reconstruction"] - panels["image"]).square().mean()) if panels else 0.0


@pytest.mark.parametrize(("method", "seed"), trials([method for method, *_ in ON_DIGITS]))
def test_nearer_to_digits(method: str, seed: int, compose: Any, tmp_path: Path) -> None:
    ((_, steps, own, nearer, sharper),) = (line for line in ON_DIGITS if line[0] == method)
    settings = [
        setting for setting in DIGITS if setting.partition("=")[0] not in {o.partition("=")[0] for o in own}
    ]
    config, record = compose(f"model={method}", *settings, f"train.steps={steps}", *own, f"seed={seed}")
    run = Run(config, tmp_path, record)
    before = distance(run), error(run)
    for _ in range(steps):
        run.engine.iterate()
    after = distance(run), error(run)
    print(
        f"{method} {seed}: fd_lenet {before[0]:.0f} -> {after[0]:.1f}, error {before[1]:.3f} -> {after[1]:.4f}"
    )
    assert after[0] < before[0] / nearer
    if sharper:
        assert after[1] < before[1] / sharper
