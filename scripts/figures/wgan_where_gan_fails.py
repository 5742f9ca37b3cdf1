"""Where the GAN fails and WGAN does not: two parallel lines (Arjovsky et al. 2017, example 1).

Real points are (0, y), generated ones (theta, y), y ~ U(0, 1): the supports are disjoint until theta = 0. Every method
has the same discriminator, first trained alone and then k = 5 times per update of theta. The generator takes plain
gradient steps: Adam would blow a gradient that has vanished up to the size of any other.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from gan_experiments.losses import Loss, Minimax, NonSaturating, Wasserstein
from gan_experiments.noise import Noise
from gan_experiments.penalties import GradientPenalty, Penalty, WeightClipping

START, RATE, BATCH, CRITIC_STEPS = 2.0, 0.05, 64, 5
LINE = torch.linspace(-1, 3, 161)


@dataclass
class Method:
    name: str
    loss: Loss
    penalty: Penalty | None = None
    probability: bool = True  # whether the score is the logit of one


METHODS = [
    Method("GAN, minimax", Minimax(0.0)),
    Method("GAN, non-saturating", NonSaturating(0.0)),
    Method("WGAN, clipped at 0.1", Wasserstein(), WeightClipping(0.1), probability=False),
    Method("WGAN-GP", Wasserstein(), GradientPenalty(weight=1.0, every=1, target=1.0), probability=False),
]


@dataclass
class History:
    """`gradients`: |dL_G/dtheta| while the discriminator alone is trained; `scores`: its values along the x axis
    afterwards, a probability where it has one; `theta`: the generator's parameter from then on."""

    gradients: list[float]
    scores: np.ndarray
    theta: list[float]


class Game:
    """One method's two players."""

    def __init__(self, method: Method, seed: int) -> None:
        torch.manual_seed(seed)
        self.method = method
        self.noise = Noise(seed, torch.device("cpu"))
        layers = nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1), nn.Flatten(0)
        self.discriminator = nn.Sequential(*layers)
        self.optimizer = torch.optim.Adam(self.discriminator.parameters(), lr=1e-3, betas=(0.5, 0.9))
        self.theta = torch.tensor(START, requires_grad=True)

    def points(self, x: Tensor) -> Tensor:
        return torch.stack([x.expand(BATCH), torch.rand(BATCH)], 1)

    def train_discriminator(self) -> None:
        real, fake = self.points(torch.zeros(())), self.points(self.theta.detach())
        total = self.method.loss.discriminator(self.discriminator(real), self.discriminator(fake))
        penalty = self.method.penalty
        term = None if penalty is None else penalty.loss(self.discriminator, real, fake, self.noise)
        if penalty is not None and term is not None:
            total = total + penalty.weight * term
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        if penalty is not None:
            penalty.constrain(self.discriminator)

    def gradient(self) -> Tensor:
        """dL_G / dtheta."""
        loss = self.method.loss.generator(self.discriminator(self.points(self.theta)))
        (slope,) = torch.autograd.grad(loss, self.theta)
        return slope

    @torch.no_grad()
    def scores(self) -> np.ndarray:
        values = self.discriminator(torch.stack([LINE, torch.full_like(LINE, 0.5)], 1))
        return (values.sigmoid() if self.method.probability else values).numpy()


def train(method: Method, alone: int, steps: int, seed: int = 0) -> History:
    """`alone` updates of the discriminator, then `steps` of theta with k of the discriminator before each."""
    game = Game(method, seed)
    gradients, theta = [], [START]
    for _ in range(alone):
        game.train_discriminator()
        gradients.append(abs(game.gradient().item()))
    scores = game.scores()
    for _ in range(steps):
        for _ in range(CRITIC_STEPS):
            game.train_discriminator()
        slope = game.gradient()
        with torch.no_grad():
            game.theta -= RATE * slope
        theta.append(game.theta.item())
    return History(gradients, scores, theta)


def draw(histories: Sequence[History], path: Path) -> None:
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    critics = left.twinx()
    for index, (method, history) in enumerate(zip(METHODS, histories, strict=True)):
        colour = f"C{index}"
        dashes = (
            "--" if index % 2 else "-"
        )  # the two GANs have the same discriminator until the generator moves
        axes = left if method.probability else critics
        axes.plot(LINE.numpy(), history.scores, color=colour, linestyle=dashes)
        middle.semilogy(np.maximum(history.gradients, 1e-12), color=colour)
        right.plot(history.theta, color=colour, label=f"{method.name}: ends at {abs(history.theta[-1]):.2f}")
    for place, name in ((0.0, "real"), (START, "generated")):
        left.axvline(place, color="grey", linewidth=1, linestyle=":")
        left.text(place - 0.05, 0.75, name, ha="right", va="center", rotation=90, color="grey")
    left.set(xlabel="x", ylabel="D(x), a probability (GAN)", ylim=(-0.05, 1.05))
    critics.set(ylabel="critic's value (WGAN)")
    middle.set(xlabel="updates of the discriminator alone", ylabel=r"$|\partial L_G/\partial\theta|$")
    right.set(
        xlabel=f"generator updates, {CRITIC_STEPS} of D before each",
        ylabel=r"$\theta$; the data is at 0",
        ylim=(-3.2, 2.2),
    )
    right.axhline(0, color="grey", linewidth=1, linestyle=":")
    right.legend(frameon=False, loc="lower left", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("outputs/figures/wgan_where_gan_fails.png"))
    parser.add_argument(
        "--alone", type=int, default=500, help="updates of the discriminator before the generator's"
    )
    parser.add_argument("--steps", type=int, default=200, help="generator updates")
    arguments = parser.parse_args()
    histories = [train(method, arguments.alone, arguments.steps) for method in METHODS]
    draw(histories, arguments.output)
    for method, history in zip(METHODS, histories, strict=True):
        print(f"{method.name}: gradient {history.gradients[-1]:.2g}, theta {history.theta[-1]:.3f}")
    print(arguments.output)


if __name__ == "__main__":
    main()
