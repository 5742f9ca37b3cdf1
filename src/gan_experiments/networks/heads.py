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


class SanHead(nn.Module):
    """f(x) = <omega, scale h(x)> with omega on the unit sphere (Takida et al. 2024).

    The norm of an ordinary linear layer's weight becomes the learned `scale`, so that training starts where
    that layer's would. Keep weight decay and spectral norm away from `omega`.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        weight = nn.Linear(features, 1, bias=False).weight.detach()[0]
        self.omega = nn.Parameter(normalize(weight, dim=0))
        self.scale = nn.Parameter(weight.norm())

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

    def direction(self) -> Tensor:
        """omega / |omega|: normalised in the graph too, so that its gradient is tangent to the sphere."""
        return normalize(self.omega, dim=0)

    @torch.no_grad()
    def normalize(self) -> None:
        """Project omega back to the sphere; call it after each step of its optimiser."""
        self.omega.copy_(self.direction())
