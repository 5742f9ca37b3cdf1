"""The figures of a model: what is generated, what it is judged against, and what is written of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_experiments.data import Data, ImageSet
from gan_experiments.metrics import Evaluation, Evaluator, Metrics, NoMetrics, pairs
from gan_experiments.models import Feed, Model
from gan_experiments.training.sampler import Sampler


def nothing() -> None:
    pass


class Samples:
    """Images that a sampler makes of a feed's inputs, the same on every rank: what metrics draw from.

    `between` runs before every batch.
    """

    def __init__(
        self, sampler: Sampler, feed: Feed, direction: str, between: Callable[[], None] = nothing
    ) -> None:
        self.sampler, self.feed, self.direction = sampler, feed, direction
        self.between = between

    def __call__(self, count: int) -> Tensor | tuple[Tensor, Tensor]:
        self.between()
        inputs = self.feed.take(count)
        images = self.sampler(inputs, self.direction)
        return images if inputs.labels is None else (images, inputs.labels)

    def skip(self, count: int) -> None:
        self.feed.skip(count)


@dataclass
class Comparison:
    """One direction of a model: its evaluator and, for a translator, the held-out images that it translates."""

    direction: str
    evaluator: Evaluator
    held_out: ImageSet | None = None

    @property
    def prefix(self) -> str:
        """What stands before the names of its figures."""
        return f"{self.direction}/" if self.direction else ""


class Evaluations:
    """Every figure of a model: generated images against the training split `real`, for a translator its
    translations of the held-out images of one domain against the training images of the other.

    Held-out real images in place of generated ones give the floor. Raises UserError where there are too few.
    `between` runs before every batch of generated images; what it raises ends the evaluation.
    """

    def __init__(
        self,
        metrics: Metrics,
        data: Data,
        model: Model,
        root: Path,
        device: torch.device,
        real: ImageSet | None = None,
        between: Callable[[], None] = nothing,
    ) -> None:
        self.metrics, self.data, self.model, self.device = metrics, data, model, device
        self.between = between
        self.comparisons: list[Comparison] = []
        if isinstance(metrics, NoMetrics):
            return
        translates = "sources" in model.needs
        real = real or data.load("train", root)
        wanted = metrics.needs_held_out and "test" in data.splits()
        held_out = data.load("test", root) if wanted or translates else None
        for direction in model.translations:
            if direction == "b_to_a":
                real, held_out = real.swapped(), held_out.swapped() if held_out else None
            translated = held_out.sources if held_out and translates else None
            chosen = metrics if translated is None else metrics.at_most(len(translated))
            evaluator = chosen.evaluator(real, device, held_out if wanted else None, root)
            self.comparisons.append(Comparison(direction, evaluator, held_out if translates else None))

    def samples(self, comparison: Comparison, sampler: Sampler) -> Samples:
        """The generated images of one direction, from their first on."""
        sources = comparison.held_out.sources if comparison.held_out else None
        feed = self.model.feed(getattr(self.metrics, "seed", 0), self.device, sources)
        return Samples(sampler, feed, comparison.direction, self.between)

    def __call__(self, sampler: Sampler) -> Evaluation:
        """The figures of all directions; ranks share the work, and the first one's count."""
        together = Evaluation()
        for comparison in self.comparisons:
            evaluation = comparison.evaluator(self.samples(comparison, sampler))
            self.add(together, comparison, evaluation, sampler)
        return together

    def add(self, to: Evaluation, comparison: Comparison, evaluation: Evaluation, sampler: Sampler) -> None:
        """Put one direction's figures under its prefix, and those of pairs beside them."""
        if comparison.held_out is not None and self.data.paired and evaluation.values:
            evaluation.values |= self._of_pairs(comparison, sampler)
        for name in ("values", "floor", "classes"):
            figures = {comparison.prefix + key: value for key, value in getattr(evaluation, name).items()}
            getattr(to, name).update(figures)
        if evaluation.protocol:
            evaluation.protocol |= self.model.protocol()
        if comparison.prefix and evaluation.protocol:
            to.protocol[comparison.direction] = evaluation.protocol
        else:
            to.protocol |= evaluation.protocol

    def _of_pairs(self, comparison: Comparison, sampler: Sampler) -> dict[str, float]:
        assert comparison.held_out is not None
        samples = self.samples(comparison, sampler)
        targets = comparison.held_out.images
        parts: list[Tensor] = []
        for start in range(0, len(targets), pairs.BATCH):
            images = samples(min(pairs.BATCH, len(targets) - start))
            assert isinstance(images, Tensor)
            parts.append(images.cpu())
        return pairs.figures(torch.cat(parts), torch.from_numpy(targets[:]))

    def best(self, values: dict[str, float]) -> float:
        """What chooses the best checkpoint, lower is better; of a translator the mean over its directions."""
        key = self.key
        found = (
            [values.get(comparison.prefix + key, math.inf) for comparison in self.comparisons] if key else []
        )
        return sum(found) / len(found) if found else math.inf

    @property
    def key(self) -> str | None:
        """The figure behind `best`: of the few images that a translator has, the kernel distance is the fairer one."""
        return self.metrics.best_of_few if "sources" in self.model.needs else self.metrics.best


def record(evaluation: Evaluation, ema: float) -> dict[str, Any]:
    """Figures, floor and protocol for a record; `ema` is the decay of the averaged weights, 0 for the last ones."""
    protocol = {**evaluation.protocol, "ema": ema, "split": "train"}
    found = {"metrics": evaluation.values, "floor": evaluation.floor, "protocol": protocol}
    return {**found, "classes": evaluation.classes} if evaluation.classes else found
