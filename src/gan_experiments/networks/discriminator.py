"""A discriminator is a trunk h(x) and a head on its features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_experiments.networks.layers import at_least_float32, full_precision


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
    """head(h(x)): images (n, c, s, s) to scores (n,) in float32, logits or critic values."""

    def __init__(self, trunk: Trunk, head: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def features(self, images: Tensor) -> Tensor:
        """h(x) in float32, shape (n, trunk.features)."""
        return at_least_float32(self.trunk(images))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.head(self.features(images))
        return scores


class ConditionalDiscriminator(Discriminator):
    """head(h(x), c): images (n, c, s, s) of the classes `labels` (n,) to scores (n,) in float32."""

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        scores: Tensor = self.head(self.features(images), labels)
        return scores


class Classifier(Discriminator):
    """A discriminator with a second head on its trunk: logits (n, classes) of the class."""

    def __init__(self, trunk: Trunk, head: nn.Module, classes: int) -> None:
        super().__init__(trunk, head)
        self.classifier = nn.Linear(trunk.features, classes)

    def both(self, images: Tensor) -> Tensor:
        """The score and the logits of the class side by side, (n, 1 + classes) in float32."""
        features = self.features(images)
        with full_precision(features):
            return torch.cat([self.head(features)[:, None], self.classifier(features)], dim=1)
