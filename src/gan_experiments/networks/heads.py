"""Heads: what turns a trunk's features (n, features) into scores (n,)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from gan_experiments.networks.layers import full_precision, spectrally_normalized


class LinearHead(nn.Module):
    """One linear unit; with `spectral` its weight has norm 1."""

    def __init__(self, features: int, spectral: bool = False, bias: bool = True) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1, bias=bias)
        if spectral:
            spectrally_normalized(self.linear)

    def forward(self, features: Tensor) -> Tensor:
        with full_precision(features):
            scores: Tensor = self.linear(features)
            return scores.squeeze(1)


class ProjectionHead(nn.Module):
    """f(x, c) = l(h(x)) + <e_c, h(x)> (Miyato & Koyama 2018, eq. 4); with `spectral`, l and e have norm 1."""

    def __init__(self, features: int, classes: int, spectral: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.embedding = nn.Linear(features, classes, bias=False)
        if spectral:
            spectrally_normalized(self)

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        with full_precision(features):
            projections: Tensor = self.embedding(features).gather(1, labels[:, None])
            scores: Tensor = self.linear(features) + projections
            return scores.squeeze(1)


class Directions(nn.Module):
    """Rows `omega` (..., features) on the unit sphere, each with a learned `scale` (...).

    Both start as the direction and the norm of an ordinary linear layer's weight, so that training starts where
    that layer's would. Keep weight decay and spectral norm away from `omega`.
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.omega = nn.Parameter(normalize(weight, dim=-1))
        self.scale = nn.Parameter(weight.norm(dim=-1))

    def direction(self) -> Tensor:
        """omega / |omega|: normalised in the graph too, so that its gradient is tangent to the sphere."""
        return normalize(self.omega, dim=-1)

    @torch.no_grad()
    def normalize(self) -> None:
        """Project omega back to the sphere; call it after each step of its optimiser."""
        self.omega.copy_(self.direction())


class SanHead(Directions):
    """f(x) = <omega, scale h(x)> with omega on the unit sphere (Takida et al. 2024)."""

    def __init__(self, features: int) -> None:
        super().__init__(nn.Linear(features, 1, bias=False).weight.detach()[0])

    def forward(self, features: Tensor) -> Tensor:
        with full_precision(features):
            return self.scale * torch.mv(features, self.direction())

    def split(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """The same scores twice, for the two terms of the discriminator's loss.

        The first, <omega^-, scale h>, trains the features and the scale; the second, <omega, (scale h)^->,
        trains the direction alone (the minus stands for a stopped gradient).
        """
        with full_precision(features):
            direction = self.direction()
            function = self.scale * torch.mv(features, direction.detach())
            return function, self.scale.detach() * torch.mv(features.detach(), direction)


class ClassSanHead(Directions):
    """f(x, c) = <omega_c, scale_c h(x)>: a direction and a scale for every class (Takida et al. 2024)."""

    def __init__(self, features: int, classes: int) -> None:
        super().__init__(nn.Linear(features, classes, bias=False).weight.detach())

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        with full_precision(features):
            return self.scale[labels] * (features * self.direction()[labels]).sum(1)

    def split(self, features: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """As `SanHead.split`, of the classes `labels` (n,)."""
        with full_precision(features):
            direction, scale = self.direction()[labels], self.scale[labels]
            function = scale * (features * direction.detach()).sum(1)
            return function, scale.detach() * (features.detach() * direction).sum(1)
