"""A few hundred steps on 16-pixel digits bring each autoencoding method nearer to the data, on three seeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from gan_experiments.training.recorder import to_uint8
from gan_experiments.training.run import Run

SETTINGS = [
    "network=mlp", "network.width=64", "network.generator_norm=batch", "data.image_size=16", "optim.lr=1e-3",
    "metrics=lenet", "metrics.samples=1000", "train.batch_size=64", "train.ema=0.99",
]  # fmt: skip

# Method, steps, its own settings; the factors by which distance and reconstruction error (0: none) must fall.
METHODS: list[tuple[str, int, list[str], float, float]] = [
    ("vae", 500, [], 7, 8),
    ("aae", 500, [], 6, 6),
    ("ebgan", 400, ["model.margin=5"], 6, 0),
    ("ebgan_pt", 400, ["model.margin=5"], 6, 0),
    ("began", 600, ["model.balance_rate=0.02"], 3, 0),
    ("vaegan", 400, ["model.latent_dim=20", "model.gamma=0.5"], 6, 3),
    ("alphagan", 400, [], 6, 6),
    ("vgh", 400, [], 6, 0),
    ("veegan", 1200, ["model.latent_dim=16", "optim.lr=5e-4"], 5, 4),
    ("distgan", 600, [], 3, 3),
    ("gngan", 400, [], 4, 6),
]


def distance(run: Run) -> float:
    def sampler(count: int) -> Tensor:
        return to_uint8(run.engine.generate(run._latents("scored", count)))

    assert run.evaluator is not None
    return run.evaluator(sampler).values["fd_lenet"]


def error(run: Run) -> float:
    real = run._real(300)
    decoded = run.engine.reconstruct(real)
    return 0.0 if decoded is None else float((decoded - real).square().mean())


@pytest.mark.quality
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("method", "steps", "own", "nearer", "sharper"), METHODS, ids=lambda value: str(value)[:8]
)
def test_learns(
    method: str,
    steps: int,
    own: list[str],
    nearer: float,
    sharper: float,
    seed: int,
    compose: Any,
    tmp_path: Path,
) -> None:
    config, record = compose(f"model={method}", *SETTINGS, f"train.steps={steps}", *own, f"seed={seed}")
    run = Run(config, tmp_path, record)
    before = distance(run), error(run)
    for _ in range(steps):
        run.engine.iterate()
    after = distance(run), error(run)
    print(
        f"{method} seed {seed}: fd_lenet {before[0]:.0f} -> {after[0]:.1f}, error {before[1]:.3f} -> {after[1]:.4f}"
    )
    assert after[0] < before[0] / nearer
    if sharper:
        assert after[1] < before[1] / sharper
