"""What weight clipping does to a critic, and what the gradient penalty does instead (Gulrajani et al. 2017, figure 1).

Critics are trained on a frozen pair: real points of a mixture, and the same points with N(0, 1) noise as fakes.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from gan_experiments.data.points import grid, ring
from gan_experiments.losses import Wasserstein
from gan_experiments.noise import Noise
from gan_experiments.penalties import GradientPenalty, Penalty, WeightClipping

REGULARISERS: dict[str, Penalty] = {
    "clip 0.1": WeightClipping(0.1),
    "clip 0.01": WeightClipping(0.01),
    "clip 0.001": WeightClipping(0.001),
    "gradient penalty": GradientPenalty(weight=10.0, every=1, target=1.0),
}
MIXTURES = {"8 Gaussians": 2 * ring(), "25 Gaussians": grid(spacing=1.0)}


@dataclass
class Trained:
    """A critic, the norm of the loss's gradient at each layer's output, and all its weights."""

    critic: nn.Sequential
    gradients: list[float]
    weights: Tensor


def mlp(layers: int, width: int) -> nn.Sequential:
    """A ReLU critic of the plane with `layers` linear layers."""
    sizes = [2, *[width] * (layers - 1)]
    hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU()) for a, b in pairwise(sizes)]
    return nn.Sequential(*hidden, nn.Linear(width, 1), nn.Flatten(0))


def train(
    centres: np.ndarray,
    penalty: Penalty,
    layers: int,
    steps: int,
    width: int = 64,
    batch: int = 128,
    seed: int = 0,
) -> Trained:
    """A WGAN critic after `steps` updates of Adam (1e-3; 0.5, 0.9) under one regulariser."""
    torch.manual_seed(seed)
    critic, loss = mlp(layers, width), Wasserstein()
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3, betas=(0.5, 0.9))
    noise = Noise(seed, torch.device("cpu"))
    modes = torch.from_numpy(centres).float()
    for _ in range(steps):
        real, fake = pair(modes, batch)
        total = loss.discriminator(critic(real), critic(fake))
        term = penalty.loss(critic, real, fake, noise)
        if term is not None:
            total = total + penalty.weight * term
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        penalty.constrain(critic)
    weights = torch.cat(
        [module.weight.detach().flatten() for module in critic.modules() if isinstance(module, nn.Linear)]
    )
    return Trained(critic, layer_gradients(critic, *pair(modes, 1024)), weights)


def pair(modes: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Real points, with a standard deviation of 0.02 about the modes, and noisy ones."""
    real, other = (
        modes[torch.randint(len(modes), (batch,))] + 0.02 * torch.randn(batch, 2) for _ in range(2)
    )
    return real, other + torch.randn(batch, 2)


def layer_gradients(critic: nn.Sequential, real: Tensor, fake: Tensor) -> list[float]:
    """The norm of d loss / d output of each hidden layer, the first layer first."""
    outputs = []
    hidden = torch.cat([real, fake])
    for layer in critic[:-2]:
        hidden = layer(hidden)
        outputs.append(hidden)
    scores = critic[-2:](hidden)
    total = Wasserstein().discriminator(scores[: len(real)], scores[len(real) :])
    return [float(gradient.norm()) for gradient in torch.autograd.grad(total, outputs)]


@torch.no_grad()
def surface(critic: nn.Sequential, reach: float, side: int = 81) -> np.ndarray:
    """The critic's values on a square of half-width `reach`."""
    line = torch.linspace(-reach, reach, side)
    return critic(torch.cartesian_prod(line, line)).view(side, side).T.numpy()


def draw(path: Path, steps: int) -> None:
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    panels = figure.subplots(2, 3)
    for row, name in enumerate(("clip 0.01", "gradient penalty")):
        for column, (mixture, centres) in enumerate(MIXTURES.items()):
            reach = 1.5 * float(np.abs(centres).max())
            heights = surface(train(centres, REGULARISERS[name], layers=4, steps=steps).critic, reach)
            axes = panels[row, column]
            axes.contour(heights, levels=15, extent=(-reach, reach, -reach, reach), linewidths=1)
            axes.scatter(*centres.T, s=10, color="tab:orange")
            axes.set(title=f"{mixture}, {name}", aspect="equal", xticks=[], yticks=[])
    norms, histogram = panels[0, 2], panels[1, 2]
    for name, penalty in REGULARISERS.items():
        deep = train(MIXTURES["8 Gaussians"], penalty, layers=12, steps=steps)
        norms.semilogy(
            range(1, len(deep.gradients) + 1), np.maximum(deep.gradients, 1e-30), marker=".", label=name
        )
        if name in ("clip 0.01", "gradient penalty"):
            histogram.hist(
                deep.weights.numpy() / float(deep.weights.abs().max()), bins=61, alpha=0.6, label=name
            )
    norms.set(title="gradient at each of 12 layers", xlabel="layer", ylabel="norm")
    histogram.set(title="weights / largest weight", yticks=[])
    for axes in (norms, histogram):
        axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("outputs/figures/weight_clipping.png"))
    parser.add_argument("--steps", type=int, default=400)
    arguments = parser.parse_args()
    draw(arguments.output, arguments.steps)
    print(arguments.output)


if __name__ == "__main__":
    main()
