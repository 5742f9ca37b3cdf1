"""The projection discriminator's last layer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from gan_experiments.heads.base import Head, HeadLayer
from gan_experiments.networks.layers import LinearLayer, full_precision


class ProjectionHead(HeadLayer):
    """f(x, c) = l(h(x)) + <e_c, h(x)>."""

    def __init__(self, features: int, classes: int, linear: LinearLayer = nn.Linear) -> None:
        super().__init__()
        self.linear = linear(features, 1)
        self.embedding = linear(features, classes, bias=False)

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

    def build(self, features: int, classes: int, linear: LinearLayer) -> HeadLayer:
        return ProjectionHead(features, classes, linear)
