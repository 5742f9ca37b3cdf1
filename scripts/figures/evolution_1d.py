"""A generator and its discriminator on the line, from before training to equilibrium (Goodfellow et al. 2014, figure 1)."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from gan_experiments.data import Gaussian1d
from gan_experiments.losses import NonSaturating

DATA = Gaussian1d(1, 1, 0, False, samples=10, sigma=0.5, mean=4.0)
GRID = torch.linspace(-1, 8, 451)[:, None]


@dataclass
class Snapshot:
    """After `step` updates: 2000 generated points, and D(x), a probability, on GRID and on those points."""

    step: int
    points: Tensor
    decision: Tensor
    on_points: Tensor


def network(width: int = 128) -> nn.Sequential:
    """A small MLP from the line to the line."""
    return nn.Sequential(
        nn.Linear(1, width),
        nn.LeakyReLU(0.01),
        nn.Linear(width, width),
        nn.LeakyReLU(0.01),
        nn.Linear(width, 1),
    )


def train(steps: Sequence[int], batch: int = 256, seed: int = 0) -> list[Snapshot]:
    """Train a non-saturating GAN on N(4, 0.5^2) from z ~ U(0, 1); snapshots after each of the ascending `steps`.

    The learning rate falls to 0 at the last step and the generator shown is an average over its last updates: at a
    constant rate the two players circle the equilibrium instead of ending there.
    """
    torch.manual_seed(seed)
    generator, discriminator, loss = network(), network(), NonSaturating(0.0)
    players = [
        torch.optim.Adam(net.parameters(), lr=5e-3, betas=(0.0, 0.9)) for net in (discriminator, generator)
    ]
    rates = [torch.optim.lr_scheduler.LinearLR(player, 1.0, 0.0, steps[-1]) for player in players]
    average = torch.optim.swa_utils.AveragedModel(
        generator, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    )
    snapshots = []
    for step in range(steps[-1] + 1):
        if step in steps:
            snapshots.append(snapshot(step, average if step else generator, discriminator))
        real = DATA.mean + DATA.sigma * torch.randn(batch, 1)
        fake = generator(torch.rand(batch, 1))
        update(players[0], loss.discriminator(discriminator(real), discriminator(fake.detach())))
        update(players[1], loss.generator(discriminator(fake)))
        average.update_parameters(generator)
        for rate in rates:
            rate.step()
    return snapshots


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


@torch.no_grad()
def snapshot(step: int, generator: nn.Module, discriminator: nn.Module) -> Snapshot:
    points = generator(torch.linspace(0, 1, 2000)[:, None])
    return Snapshot(step, points, discriminator(GRID).sigmoid(), discriminator(points).sigmoid())


def draw(snapshots: list[Snapshot], path: Path) -> None:
    figure = Figure(figsize=(3 * len(snapshots), 3), layout="constrained")
    x = GRID[:, 0].numpy()
    density = np.exp(-(((x - DATA.mean) / DATA.sigma) ** 2) / 2) / (DATA.sigma * math.sqrt(2 * math.pi))
    for axes, shot in zip(figure.subplots(1, len(snapshots), sharey=True), snapshots, strict=True):
        axes.plot(x, density, color="black", linestyle=":", label="data")
        axes.hist(
            shot.points[:, 0].numpy(),
            np.linspace(-1, 8, 91).tolist(),
            density=True,
            color="tab:green",
            alpha=0.6,
            label="generated",
        )
        axes.plot(x, shot.decision[:, 0].numpy(), color="tab:blue", linestyle="--", label="D(x)")
        axes.set(title=f"step {shot.step}", xlabel="x", ylim=(0, 1.5))
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("outputs/figures/evolution_1d.png"))
    parser.add_argument("--steps", type=int, nargs="+", default=[0, 30, 100, 300, 700])
    arguments = parser.parse_args()
    draw(train(sorted(arguments.steps)), arguments.output)
    print(arguments.output)


if __name__ == "__main__":
    main()
