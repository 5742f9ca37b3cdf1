"""FID's network: torch-fidelity's port of the TensorFlow Inception-v3 of 2015, with its weights."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from omegaconf import MISSING
from torch import Tensor, nn
from torch_fidelity.utils import create_feature_extractor

from gan_experiments.errors import UserError
from gan_experiments.metrics.evaluator import FeatureMetrics
from gan_experiments.metrics.features import Extractor
from gan_experiments.metrics.weights import Weights, load_state

STANDARD = Weights(
    name="weights-inception-2015-12-05-6726825d.pth",
    url="https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/",
    sha256="6726825d",
)


class _Extractor(nn.Module):
    """torch-fidelity's own network; grey images are repeated to RGB."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        load_state(weights)  # torch-fidelity would run what a pickle holds
        self.network = create_feature_extractor(
            "inception-v3-compat",
            ["2048", "logits_unbiased"],
            cuda=False,
            verbose=False,
            feature_extractor_weights_path=os.fspath(weights),
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features, logits = self.network(images.expand(-1, 3, -1, -1))
        return features, logits


@dataclass
class Inception(FeatureMetrics):
    """FID (Heusel et al. 2017), KID, Inception score, precision and recall over Inception-v3's 2048 features.

    With other weights than the standard ones (`sha256` says which) the figures are called fd_inception,
    kid_inception and so on, since they are not FID.
    """

    weights: Optional[str] = MISSING  # noqa: UP045  (the file; null: in torch.hub's folder, downloaded if need be)
    sha256: str = MISSING  # how the sha256 of the file begins

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch("[0-9a-f]{8,64}", self.sha256):
            raise UserError(
                f"metrics.sha256 must be the first 8 or more hexadecimal digits, not '{self.sha256}'"
            )

    @property
    def _weights(self) -> Weights:
        return replace(STANDARD, file=self.weights, sha256=self.sha256)

    def check(self, paths_data: Path) -> None:
        self._weights.find()

    def extractor(self) -> Extractor:
        file, digest = self._weights.find()
        protocol = {
            "extractor": "inception-v3-compat",
            "weights": digest,
            "resize": "299, bilinear as TensorFlow 1",
        }
        return Extractor(_Extractor(file), protocol)

    def key(self, figure: str) -> str:
        if self.sha256.startswith(STANDARD.sha256):
            return figure.replace("fd", "fid")
        return f"{figure}_inception"
