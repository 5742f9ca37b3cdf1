"""How well one direction separates real from generated images (Takida et al. 2024, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def separability(real: Tensor, fake: Tensor) -> tuple[float, float]:
    """(violation, gap) of scores (n,) and (m,).

    violation = max over t of F_real(t) - F_fake(t), in [0, 1]: 0 where the real scores dominate the generated
    ones, which is what SAN asks of h. gap = mean(real) - mean(fake), their Wasserstein-1 distance when the
    violation is 0.
    """
    grid = torch.cat([real, fake]).sort().values
    return (
        float((distribution(real, grid) - distribution(fake, grid)).max().clamp(min=0)),
        float(real.mean() - fake.mean()),
    )


def distribution(scores: Tensor, grid: Tensor) -> Tensor:
    """The empirical distribution function of `scores` at each point of `grid`."""
    return torch.searchsorted(scores.sort().values, grid, right=True) / len(scores)


def figure(real: Tensor, fake: Tensor, step: int) -> Figure:
    """The two distribution functions of the scores, drawn for one step of training."""
    from matplotlib.figure import Figure

    drawing = Figure(figsize=(5, 3.2), layout="constrained")
    axes = drawing.add_subplot()
    for name, scores, colour in (("real", real, "tab:blue"), ("generated", fake, "tab:orange")):
        values = scores.sort().values.cpu()
        axes.plot(values, torch.arange(1, len(values) + 1) / len(values), label=name, color=colour)
    violation, gap = separability(real, fake)
    axes.set(
        xlabel="score of the discriminator",
        ylabel="share of images below",
        title=f"step {step}: violation {violation:.3f}, gap {gap:.3g}",
        ylim=(0, 1),
    )
    axes.legend(frameon=False)
    return drawing
