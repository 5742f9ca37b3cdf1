"""A discriminator is a trunk h(x) and a head on its features."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from gan_experiments.networks.layers import at_least_float32


class Trunk(nn.Module):
    """h(x): images (n, c, s, s) to vectors (n, `features`)."""

    def __init__(self, body: nn.Module, features: int) -> None:
        super().__init__()
        self.body = body
        self.features = features

    def forward(self, images: Tensor) -> Tensor:
        hidden: Tensor = self.body(images)
        return hidden


class Discriminator(nn.Module):
    """head(h(x)) or head(h(x), c): images (n, c, s, s), of the classes `labels` (n,) where the head is told them,
    to scores (n,) in float32, logits or critic values."""

    head: Any  # a HeadLayer, but for methods that make the last layer themselves

    def __init__(self, trunk: Trunk, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def features(self, images: Tensor) -> Tensor:
        """h(x) in float32, shape (n, trunk.features)."""
        return at_least_float32(self.trunk(images))

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        features = self.features(images)
        scores: Tensor = self.head(features) if labels is None else self.head(features, labels)
        return scores
