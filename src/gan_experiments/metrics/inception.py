"""FID's network: torch-fidelity's port of the TensorFlow Inception-v3 of 2015, with its weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from gan_experiments.metrics.features import Extractor
from gan_experiments.metrics.weights import WeightedMetrics, Weights, load_state

STANDARD = Weights(
    name="weights-inception-2015-12-05-6726825d.pth",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/",
    sha256="6726825d",
)


SIZE = 299


def tensorflow_resize(images: Tensor, size: int = SIZE) -> Tensor:
    """Float images (n, c, h, w) to (n, c, size, size), bilinear as TensorFlow 1 has it, as two matrix products.

    Place i of the output reads i * h / size of the input: corners are not centred, and nothing is antialiased.
    """

    def weights(old: int) -> Tensor:
        places = torch.arange(size, dtype=images.dtype, device=images.device) * (old / size)
        low = places.long()
        high = (low + 1).clamp(max=old - 1)
        share = (places - low)[:, None]
        return (1 - share) * F.one_hot(low, old) + share * F.one_hot(high, old)

    height, width = images.shape[2:]
    return weights(height) @ images @ weights(width).T


class FastInception(nn.Module):
    """torch-fidelity's Inception-v3 with batch norm folded into the convolutions, channels last.

    Its features differ from the original's by rounding (FID by less than 1e-4 of itself); grey images are
    repeated to RGB. uint8 (n, 1 or 3, h, w) to the 2048 features of pool3 and the logits without bias.
    """

    LAYERS = (
        *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "MaxPool_1", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
        *("MaxPool_2", "Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d"),
        *("Mixed_6e", "Mixed_7a", "Mixed_7b", "Mixed_7c", "AvgPool"),
    )

    def __init__(self, weights: Path) -> None:
        from torch_fidelity.utils import create_feature_extractor  # with torchvision: seconds

        super().__init__()
        load_state(weights)  # torch-fidelity would run what a pickle holds
        original = create_feature_extractor(
            "inception-v3-compat",
            ["2048", "logits_unbiased"],
            cuda=False,
            verbose=False,
            feature_extractor_weights_path=os.fspath(weights),
        )
        for module in original.modules():
            if hasattr(module, "conv") and hasattr(module, "bn"):
                module.conv = fuse_conv_bn_eval(module.conv, module.bn)
                module.bn = nn.Identity()
        trunk = nn.Sequential(*(getattr(original, name) for name in self.LAYERS))
        self.trunk = trunk.to(memory_format=torch.channels_last)
        self.classes = nn.Parameter(original.fc.weight)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = (tensorflow_resize(images.float()) - 128) / 128
        x = x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.trunk(x).flatten(1)
        return features, features @ self.classes.T


@dataclass
class Inception(WeightedMetrics):
    """FID (Heusel et al. 2017), KID, Inception score, precision and recall over Inception-v3's 2048 features.

    With other weights than the standard ones (`sha256` says which) the figures are called fd_inception,
    kid_inception and so on, since they are not FID.
    """

    published = STANDARD

    def extractor(self) -> Extractor:
        file, digest = self.find()
        protocol = {
            "extractor": "inception-v3-compat",
            "weights": digest,
            "resize": "299, bilinear as TensorFlow 1",
        }
        return Extractor(FastInception(file), protocol)

    def key(self, figure: str) -> str:
        if self.sha256.startswith(STANDARD.sha256):
            return figure.replace("fd", "fid")
        return f"{figure}_inception"
