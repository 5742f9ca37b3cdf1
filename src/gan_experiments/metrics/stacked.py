"""Stacked MNIST's 1,000 modes (Metz et al. 2017; VEEGAN, Srivastava et al. 2017; PacGAN, Lin et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.metrics import lenet
from gan_experiments.metrics.base import Evaluation, Evaluator, Images, Metrics, SampleStream
from gan_experiments.metrics.classes import histogram, kl_to_uniform, modes_reached, stacked_labels
from gan_experiments.metrics.evaluator import batches
from gan_experiments.metrics.features import Extraction

MODES = 1000


@dataclass
class StackedDigits(Metrics):
    """Modes reached by images of three digits, one in each colour, and KL(their histogram || uniform).

    The classifier is the package's LeNet, one colour at a time; the papers use networks of their own.
    """

    samples: int = MISSING  # generated images per evaluation
    batch_size: int = MISSING

    def __post_init__(self) -> None:
        for name in ("samples", "batch_size"):
            if getattr(self, name) < 1:
                raise UserError(f"metrics.{name} must be at least 1, not {getattr(self, name)}")

    def check(self, paths_data: Path) -> None:
        lenet.load()

    def evaluator(
        self,
        real: Images,
        device: torch.device,
        held_out: Images | None = None,
        paths_data: Path | None = None,
    ) -> Evaluator:
        (one,) = real.pieces(np.arange(1))
        if one.shape[1] != 3:
            raise UserError(f"metrics=stacked needs images of 3 colours, a digit in each, not {one.shape[1]}")
        with torch.random.fork_rng(devices=[]):
            extractor = lenet.extractor().on(device)

        def evaluate(sample: SampleStream) -> Evaluation:
            extraction = Extraction(extractor)
            for _, images, _ in batches(sample, self.samples, self.batch_size):
                extraction.add(images.flatten(0, 1)[:, None])
            features = extraction.features()
            if features is None:  # not the first rank
                return Evaluation()
            protocol = extractor.protocol | {"generated": self.samples, "modes": MODES}
            if features.non_finite:
                protocol["non_finite"] = (
                    f"non-finite features: {features.non_finite} of {3 * self.samples} digits"
                )
                return Evaluation({"mode_kl": float("nan")}, protocol)
            return Evaluation(_figures(features.logits.view(-1, 3, 10)), protocol)

        return evaluate

    @property
    def best(self) -> str | None:
        return "mode_kl"


def _figures(logits: Tensor) -> dict[str, float]:
    shares = histogram(stacked_labels(logits), MODES)
    return {"modes": modes_reached(shares), "mode_kl": kl_to_uniform(shares)}
