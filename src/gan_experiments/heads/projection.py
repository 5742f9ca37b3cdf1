"""The projection discriminator's last layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gan_experiments.heads.base import Head, HeadLayer
from gan_experiments.networks.layers import full_precision, spectrally_normalized


class ProjectionHead(HeadLayer):
    """f(x, c) = l(h(x)) + <e_c, h(x)>; with `spectral`, l and e have norm 1."""

    def __init__(self, features: int, classes: int, spectral: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(features, 1)
        self.embedding = nn.Linear(features, classes, bias=False)
        if spectral:
            spectrally_normalized(self)

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        assert labels is not None
        with full_precision(features):
            projections: Tensor = self.embedding(features).gather(1, labels[:, None])
            scores: Tensor = self.linear(features) + projections
            return scores.squeeze(1)


@dataclass
class Projection(Head):
    """A linear unit and the inner product with the class's row (Miyato & Koyama 2018, equation 4)."""

    conditional = True

    def build(self, features: int, classes: int, spectral: bool) -> HeadLayer:
        return ProjectionHead(features, classes, spectral)
