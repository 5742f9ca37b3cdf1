"""The ordinary last layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gan_experiments.heads.base import Head, HeadLayer
from gan_experiments.networks.layers import LinearLayer, full_precision


class LinearHead(HeadLayer):
    """One linear unit."""

    def __init__(self, features: int, linear: LinearLayer = nn.Linear) -> None:
        super().__init__()
        self.linear = linear(features, 1)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        with full_precision(features):
            scores: Tensor = self.linear(features)
            return scores.squeeze(1)


@dataclass
class Linear(Head):
    """One linear unit, which is told no class."""

    def build(self, features: int, classes: int, linear: LinearLayer) -> HeadLayer:
        return LinearHead(features, linear)
