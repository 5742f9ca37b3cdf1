"""The ordinary last layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gan_experiments.heads.base import Head, HeadLayer
from gan_experiments.networks.layers import full_precision, spectrally_normalized


class LinearHead(HeadLayer):
    """One linear unit; with `spectral` its weight has norm 1."""

    def __init__(self, features: int, spectral: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        if spectral:
            spectrally_normalized(self.linear)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        with full_precision(features):
            scores: Tensor = self.linear(features)
            return scores.squeeze(1)


@dataclass
class Linear(Head):
    """One linear unit, which is told no class."""

    def build(self, features: int, classes: int, spectral: bool) -> HeadLayer:
        return LinearHead(features, spectral)
