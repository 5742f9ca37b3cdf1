"""An evaluation of a model: the samples that metrics see, and what is written of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor

from gan_experiments.data import Data, ImageSet
from gan_experiments.metrics import Evaluation, Evaluator, Metrics
from gan_experiments.models import Model
from gan_experiments.noise import Noise
from gan_experiments.training.device import Gpu
from gan_experiments.training.restore import Restored


class Samples:
    """Images from one stream of latents, the same on every rank: what metrics draw from."""

    def __init__(
        self, model: Model, generate: Callable[[Tensor], Tensor], metrics: Metrics, device: torch.device
    ) -> None:
        self.model, self.generate = model, generate
        self.noise = Noise(getattr(metrics, "seed", 0), device, split=False)

    def __call__(self, count: int) -> Tensor | tuple[Tensor, Tensor]:
        latents = self.model.latents(self.noise, count)
        labels = self.model.labels(latents)
        images = self.generate(latents)
        return images if labels is None else (images, labels)

    def skip(self, count: int) -> None:
        self.model.latents(self.noise, count)


def of_checkpoint(restored: Restored, metrics: Metrics) -> Samples:
    """The samples of a checkpoint that training saw at its evaluation: same precision, memory format and batches."""
    gpu: Gpu = OmegaConf.to_object(restored.settings("gpu"))  # type: ignore[assignment]
    gpu.prepare(restored.device)
    for network in restored.networks.values():
        network.to(memory_format=gpu.memory_format)

    def generate(latents: Tensor) -> Tensor:
        with gpu.autocast(restored.device):
            return restored.generate(latents, batch_size=len(latents))

    return Samples(restored.model, generate, metrics, restored.device)


def evaluator(metrics: Metrics, data: Data, real: ImageSet, root: Path, device: torch.device) -> Evaluator:
    """Against the training split `real`; the test split in place of samples gives the floor of every figure."""
    held_out = data.load("test", root) if metrics.needs_held_out and "test" in data.splits() else None
    return metrics.evaluator(real, device, held_out, root)


def record(evaluation: Evaluation, ema: float) -> dict[str, Any]:
    """Figures, floor and protocol for a record; `ema` is the decay of the averaged weights, 0 for the last ones."""
    protocol = {**evaluation.protocol, "ema": ema, "split": "train"}
    found = {"metrics": evaluation.values, "floor": evaluation.floor, "protocol": protocol}
    return {**found, "classes": evaluation.classes} if evaluation.classes else found
