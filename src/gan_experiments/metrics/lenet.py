"""A LeNet-5 for digits: small features and a ten-way classifier whose weights ship with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from gan_experiments.metrics import shipped
from gan_experiments.metrics.evaluator import FeatureMetrics
from gan_experiments.metrics.features import Extractor

WEIGHTS = Path(__file__).with_name("lenet_mnist_digits.npz")  # float16, by scripts/train_lenet.py
SHA256 = "b58d95442af67ed66a10b2699f6e51953e8b37bf26f18aa60de07720ff1b8c04"


class LeNet5(nn.Module):
    """LeNet-5 (LeCun et al. 1998) with ReLU and max pooling.

    Images (n, 1, 32, 32) in [0, 1] give features (n, 84), the layer before the last, and logits (n, 10).
    """

    def __init__(self) -> None:
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.output = nn.Linear(84, 10)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = F.max_pool2d(F.relu(self.c1(images)), 2)
        x = F.max_pool2d(F.relu(self.c3(x)), 2)
        x = F.relu(self.c5(x)).flatten(1)
        features = F.relu(self.f6(x))
        return features, self.output(features)


def grey32(images: Tensor) -> Tensor:
    """uint8 images (n, c, h, w), grey or RGB, as float (n, 1, 32, 32) in [0, 1].

    Colour becomes luminance (ITU-R BT.601); 28 pixels are padded with zeros, other sizes resized.
    """
    x = images.float() / 255
    if x.shape[1] == 3:
        x = (x * x.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if x.shape[-2:] == (28, 28):
        return F.pad(x, (2, 2, 2, 2))
    if x.shape[-2:] == (32, 32):
        return x
    return F.interpolate(x, size=(32, 32), mode="bilinear", align_corners=False, antialias=True)


def load() -> LeNet5:
    """The network with the weights that ship with the package; raises UserError where the file is not ours."""
    return shipped.load(LeNet5(), WEIGHTS, SHA256)


class _Extractor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = load()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output: tuple[Tensor, Tensor] = self.network(grey32(images))
        return output


def extractor() -> Extractor:
    """The network with its weights, on the CPU."""
    protocol = {
        "extractor": "lenet-mnist-digits",
        "weights": SHA256,
        "resize": "32: zeros about 28, else bilinear antialiased",
    }
    return Extractor(_Extractor(), protocol)


@dataclass
class LeNet(FeatureMetrics):
    """Figures over the 84 features of a LeNet-5 trained on MNIST and scikit-learn's digits.

    They compare digit generators with one another (and, as a plain feature network, clothes); none is an FID.
    """

    def check(self, paths_data: Path) -> None:
        load()

    def extractor(self) -> Extractor:
        return extractor()

    def key(self, figure: str) -> str:
        return f"{figure}_lenet"
