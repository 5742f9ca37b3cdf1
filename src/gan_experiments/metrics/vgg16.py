"""VGG-16 (Simonyan and Zisserman 2015): the features of improved precision and recall as first published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.metrics import scores
from gan_experiments.metrics.dinov2 import MEAN, STD
from gan_experiments.metrics.features import Extractor
from gan_experiments.metrics.inception import tensorflow_resize
from gan_experiments.metrics.weights import WeightedMetrics, Weights, load_state

STANDARD = Weights("vgg16-397923af.pth", "https://download.pytorch.org/models/", sha256="397923af")


class Vgg16(nn.Module):
    """uint8 images (n, 1 or 3, h, w) to the 4096 activations of the second dense layer; no logits."""

    def __init__(self, state: dict[str, Tensor]) -> None:
        from torchvision.models import vgg16  # seconds

        super().__init__()
        with torch.device("meta"):
            network = vgg16()
        network.load_state_dict(state, assign=True)
        network.classifier = network.classifier[:5]  # to the ReLU after the second dense layer
        self.network = network

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = tensorflow_resize(images.float(), 224) / 255
        mean, std = (x.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        features: Tensor = self.network((x - mean) / std)
        return features, features[:, :0]


@dataclass
class Vgg16Metrics(WeightedMetrics):
    """Precision and recall (Kynkaanniemi et al. 2019), density and coverage over VGG-16's 4096 features."""

    figures = (scores.shares,)
    published = STANDARD

    def extractor(self) -> Extractor:
        file, digest = self.find()
        protocol = {"extractor": "vgg16-fc2", "weights": digest, "resize": "224, bilinear as TensorFlow 1"}
        return Extractor(self._network(file), protocol)

    def key(self, figure: str) -> str:
        return f"{figure}_vgg16"

    def _network(self, file: Path) -> Vgg16:
        try:
            return Vgg16(load_state(file))
        except (KeyError, RuntimeError) as error:
            raise UserError(f"{file} does not hold the weights of torchvision's VGG-16: {error}") from error
