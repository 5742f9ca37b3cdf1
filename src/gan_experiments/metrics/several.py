"""Several feature networks over one pass of generated images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from omegaconf import MISSING

from gan_experiments.errors import UserError
from gan_experiments.metrics.base import Evaluation, Images, Metrics, SampleStream
from gan_experiments.metrics.evaluator import FeatureEvaluator, FeatureMetrics, extract
from gan_experiments.metrics.features import Features


@dataclass
class Several(Metrics):
    """The figures of all `parts`, by name; the first that can chooses the best checkpoint."""

    parts: dict[str, Any] = MISSING

    def __post_init__(self) -> None:
        if not self.parts or not all(isinstance(part, FeatureMetrics) for part in self.parts.values()):
            raise UserError(
                "several metrics must be feature networks: metrics=[inception,lenet], or dinov2, vgg16"
            )

    def check(self, paths_data: Path) -> None:
        for part in self.parts.values():
            part.check(paths_data)

    def evaluator(
        self,
        real: Images,
        device: torch.device,
        held_out: Images | None = None,
        paths_data: Path | None = None,
    ) -> SeveralEvaluators:
        return SeveralEvaluators(
            {name: part.evaluator(real, device, held_out, paths_data) for name, part in self.parts.items()}
        )

    @property
    def best(self) -> str | None:
        return next((part.best for part in self.parts.values() if part.best), None)

    @property
    def best_of_few(self) -> str | None:
        return next((part.best_of_few for part in self.parts.values() if part.best_of_few), None)

    def at_most(self, samples: int) -> Several:
        return replace(self, parts={name: part.at_most(samples) for name, part in self.parts.items()})


@dataclass
class SeveralEvaluators:
    """Several evaluators over the same images; each one's protocol stands under its name."""

    named: dict[str, FeatureEvaluator]

    @property
    def parts(self) -> list[FeatureEvaluator]:
        return list(self.named.values())

    def __call__(self, sample: SampleStream) -> Evaluation:
        features = extract(self.parts, sample)
        return self.judge(features) if features is not None else Evaluation()

    def judge(self, features: Sequence[Features]) -> Evaluation:
        """Every figure of generated images from the features that each of the parts has of them."""
        together = Evaluation()
        for (name, evaluator), generated in zip(self.named.items(), features, strict=True):
            evaluation = evaluator.evaluate(generated)
            together.values |= evaluation.values
            together.floor |= evaluation.floor
            together.classes |= evaluation.classes
            together.protocol[name] = evaluation.protocol
        return together
