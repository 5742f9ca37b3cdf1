"""Several feature networks over one pass of generated images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import MISSING

from gan_experiments.errors import UserError
from gan_experiments.metrics.base import Evaluation, Evaluator, Images, Metrics, Sampler
from gan_experiments.metrics.evaluator import FeatureEvaluator, FeatureMetrics, batches


@dataclass
class Several(Metrics):
    """The figures of all `parts`, by name; the first that can chooses the best checkpoint."""

    parts: dict[str, Any] = MISSING

    def __post_init__(self) -> None:
        if not self.parts or not all(isinstance(part, FeatureMetrics) for part in self.parts.values()):
            raise UserError(
                "metrics=several needs feature networks: +metrics@metrics.parts.inception=inception, "
                "and the same with lenet, dinov2 or vgg16"
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
    ) -> Evaluator:
        evaluators: dict[str, FeatureEvaluator] = {
            name: part.evaluator(real, device, held_out, paths_data) for name, part in self.parts.items()
        }
        return lambda sample: _evaluate(evaluators, sample)

    @property
    def best(self) -> str | None:
        return next((part.best for part in self.parts.values() if part.best), None)


def _evaluate(evaluators: dict[str, FeatureEvaluator], sample: Sampler) -> Evaluation:
    """Each evaluator sees the first `samples` of the same images; protocols stand under the parts' names."""
    wanted = {name: evaluator.metrics for name, evaluator in evaluators.items()}
    extractions = {name: evaluator.extraction() for name, evaluator in evaluators.items()}
    count = max(metrics.samples for metrics in wanted.values())
    size, seen = min(metrics.batch_size for metrics in wanted.values()), 0
    for images, labels in batches(sample, count, size):
        for name, extraction in extractions.items():
            missing = wanted[name].samples - seen
            if missing > 0:
                extraction.add(images[:missing], None if labels is None else labels[:missing])
        seen += len(images)
    together = Evaluation()
    for name, extraction in extractions.items():
        evaluation = evaluators[name].evaluate(extraction.features())
        together.values |= evaluation.values
        together.floor |= evaluation.floor
        together.classes |= evaluation.classes
        together.protocol[name] = evaluation.protocol
    return together
