"""The figures of a model: what is generated, what it is judged against, and what is written of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gan_experiments import parallel
from gan_experiments.data import Data, ImageSet
from gan_experiments.errors import UserError
from gan_experiments.metrics import Evaluation, Evaluator, Metrics, NoMetrics, pairs
from gan_experiments.metrics.evaluator import batches
from gan_experiments.models import Feed, Model
from gan_experiments.training.sampler import Sampler

AT_ONCE = 16  # images that a translator takes at a time, whose maps are as large as they are


class Samples:
    """Images that a sampler makes of a feed's inputs, the same on every rank: what metrics draw from."""

    def __init__(self, sampler: Sampler, feed: Feed, direction: str) -> None:
        self.sampler, self.feed, self.direction = sampler, feed, direction

    def __call__(self, count: int) -> Tensor | tuple[Tensor, Tensor]:
        inputs = self.feed.take(count)
        size = count if inputs.images is None else AT_ONCE
        images = torch.cat([self.sampler(part, self.direction) for part in inputs.split(size)])
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
    """

    def __init__(
        self,
        metrics: Metrics,
        data: Data,
        model: Model,
        root: Path,
        device: torch.device,
        real: ImageSet | None = None,
    ) -> None:
        self.metrics, self.data, self.model, self.device = metrics, data, model, device
        self.comparisons: list[Comparison] = []
        if isinstance(metrics, NoMetrics):
            return
        translates = "sources" in model.needs
        if translates and "test" not in data.splits():
            raise UserError(
                f"a translator is measured on images that it has not seen, and data={data.option} has no test split "
                "here: add one, or metrics=none trains without figures"
            )
        real = real or data.load("train", root)
        wanted = metrics.needs_held_out and "test" in data.splits()
        held_out = data.load("test", root) if wanted or translates else None
        for direction in model.translations:
            there = None if held_out is None else facing(held_out, direction)
            sources = None if there is None else there.sources
            chosen = metrics if sources is None else metrics.at_most(len(sources))
            evaluator = chosen.evaluator(facing(real, direction), device, there if wanted else None, root)
            self.comparisons.append(Comparison(direction, evaluator, there if translates else None))

    def samples(self, comparison: Comparison, sampler: Sampler) -> Samples:
        """The generated images of one direction, from their first on."""
        sources = comparison.held_out.sources if comparison.held_out else None
        feed = self.model.feed(getattr(self.metrics, "seed", 0), self.device, sources)
        return Samples(sampler, feed, comparison.direction)

    def __call__(self, sampler: Sampler) -> Evaluation:
        """The figures of all directions; ranks share the work, and the first one's count."""
        together = Evaluation()
        for comparison in self.comparisons:
            evaluation = comparison.evaluator(self.samples(comparison, sampler))
            self.add(together, comparison, evaluation, sampler)
        return together

    def add(self, to: Evaluation, comparison: Comparison, evaluation: Evaluation, sampler: Sampler) -> None:
        """Put one direction's figures under its prefix, a translator's most telling one first, and beside them those
        of pairs, of which all ranks make their share."""
        if comparison.held_out is not None:
            first = [key for key in evaluation.values if key == self.metrics.best_of_few]
            evaluation.values = {key: evaluation.values[key] for key in first} | evaluation.values
            if self.data.paired and (of_pairs := self._of_pairs(comparison, comparison.held_out, sampler)):
                evaluation.values |= of_pairs
                evaluation.protocol["pairs"] = len(comparison.held_out)
        for name in ("values", "floor", "classes"):
            figures = {comparison.prefix + key: value for key, value in getattr(evaluation, name).items()}
            getattr(to, name).update(figures)
        if evaluation.protocol:
            evaluation.protocol |= self.model.protocol()
        if comparison.prefix and evaluation.protocol:
            to.protocol[comparison.direction] = evaluation.protocol
        else:
            to.protocol |= evaluation.protocol

    def _of_pairs(self, comparison: Comparison, held_out: ImageSet, sampler: Sampler) -> dict[str, float]:
        """The figures of all held-out pairs, on the first rank; nothing on the others."""
        targets, rows = held_out.images, []
        for start, outputs, _ in batches(self.samples(comparison, sampler), len(targets), pairs.BATCH):
            rows.append(pairs.closeness(outputs.cpu(), torch.tensor(targets[start : start + len(outputs)])))
        everywhere = parallel.gather_objects(rows)
        return (
            {}
            if everywhere is None
            else pairs.figures(torch.cat([row for part in everywhere for row in part]))
        )


def facing(images: ImageSet, direction: str) -> ImageSet:
    """Images with the domains that a model's `direction` translates from and to as their sources and images."""
    return images.swapped() if direction == "b_to_a" else images


def objective(metrics: Metrics, model: Model, values: Mapping[str, float]) -> float:
    """What chooses the best checkpoint, and what a search minimises; infinite where it was not measured.

    That is `metrics.best`; of a translator the mean of `metrics.best_of_few` over its directions.
    """
    translates = "sources" in model.needs
    key = metrics.best_of_few if translates else metrics.best
    if key is None:
        return math.inf
    names = [f"{direction}/{key}" if translates else key for direction in model.translations]
    return statistics.fmean(values.get(name, math.inf) for name in names)


def record(evaluation: Evaluation, ema: float, data: Data) -> dict[str, Any]:
    """Figures, floor and protocol for a record; `ema` is the decay of the averaged weights, 0 for the last ones."""
    protocol = {"data": data.title, **evaluation.protocol, "ema": ema, "split": "train"}
    row = {"metrics": evaluation.values, "floor": evaluation.floor, "protocol": protocol}
    return {**row, "classes": evaluation.classes} if evaluation.classes else row
