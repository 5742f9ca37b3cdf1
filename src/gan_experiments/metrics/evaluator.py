"""Scores over the features of one network: what `metrics=inception`, `lenet` and the like share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Optional

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.metrics import scores, ssim
from gan_experiments.metrics.base import Evaluation, Images, Metrics, Sampler
from gan_experiments.metrics.features import Extraction, Extractor, Features
from gan_experiments.metrics.reference import Reference, draw
from gan_experiments.metrics.store import Store

Figures = Callable[[Features, Reference], tuple[dict[str, float], dict[str, Any]]]


@dataclass
class FeatureMetrics(Metrics):
    """Frechet and kernel distance, precision, recall, density, coverage and score over one network's features."""

    figures: ClassVar[tuple[Figures, ...]] = (scores.distances, scores.shares, scores.classes)

    samples: int = MISSING  # generated images per evaluation
    real: Optional[int] = MISSING  # noqa: UP045  (real images, at most; null: all of the training split)
    batch_size: int = MISSING  # of the feature network
    seed: int = MISSING  # of the choice of real images

    def __post_init__(self) -> None:
        for name in ("samples", "real"):
            value = getattr(self, name)
            if value is not None and value < scores.FEWEST:
                raise UserError(f"metrics.{name} must be at least {scores.FEWEST}, not {value}")
        if self.batch_size < 1:
            raise UserError(f"metrics.batch_size must be at least 1, not {self.batch_size}")

    def extractor(self) -> Extractor:
        """The feature network with its weights, on the CPU."""
        raise NotImplementedError

    def key(self, figure: str) -> str:
        """The name of a figure of `scores` over these features."""
        raise NotImplementedError

    def evaluator(
        self,
        real: Images,
        device: torch.device,
        held_out: Images | None = None,
        paths_data: Path | None = None,
    ) -> FeatureEvaluator:
        for images in filter(None, (real, held_out)):
            if len(images.images) < scores.FEWEST:
                raise UserError(
                    f"there are {len(images.images)} real images; metrics need at least {scores.FEWEST} "
                    f"(metrics=none trains without)"
                )
        with torch.random.fork_rng(devices=[]):  # building a network draws initial weights
            extractor = self.extractor().on(device)
        store = Store.beside(paths_data)

        def reference(images: Images) -> Reference:
            return Reference(images, extractor, self.real, self.seed, self.batch_size, store)

        return FeatureEvaluator(self, reference(real), reference(held_out) if held_out else None)

    @property
    def best(self) -> str | None:
        return self.key("fd") if scores.distances in self.figures else None


class FeatureEvaluator:
    """Keeps the network and what is known of the real images between evaluations."""

    def __init__(self, metrics: FeatureMetrics, real: Reference, held_out: Reference | None) -> None:
        self.metrics, self.real, self.held_out = metrics, real, held_out

    def __call__(self, sample: Sampler) -> Evaluation:
        extraction = self.extraction()
        for images, labels in batches(sample, self.metrics.samples, self.metrics.batch_size):
            extraction.add(images, labels)
        return self.evaluate(extraction.features())

    def extraction(self) -> Extraction:
        """What collects generated images for `evaluate`."""
        return Extraction(self.real.extractor, keep=ssim.BATCH * ssim.BATCHES)

    def evaluate(self, generated: Features) -> Evaluation:
        """Every figure of generated images from their features."""
        total = len(generated) + generated.non_finite
        protocol = self.real.extractor.protocol | {
            "generated": total,
            "real": len(self.real.rows),
            "real_digest": self.real.images.digest,
            "seed": self.metrics.seed,
            "precision": "float32",
        }
        if generated.non_finite:
            protocol["non_finite"] = f"non-finite features: {generated.non_finite} of {total}"
            return Evaluation(dict.fromkeys(filter(None, [self.metrics.best]), math.nan), protocol)
        values, counts = self._figures(generated)
        classes = self._named(scores.by_class(generated, self.real))
        return Evaluation(values, protocol | counts, self.floor, classes)

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same figures with held-out real images, `samples` at most, in place of generated ones."""
        if self.held_out is None:
            return {}
        rows = draw(len(self.held_out.features), self.metrics.samples, self.metrics.seed)
        features = self.held_out.features[rows]
        features.first = self.held_out.first(ssim.BATCH * ssim.BATCHES)
        return self._figures(features)[0]

    def _figures(self, generated: Features) -> tuple[dict[str, float], dict[str, Any]]:
        values: dict[str, float] = {}
        protocol: dict[str, Any] = {}
        for figures in self.metrics.figures:
            some, counts = figures(generated, self.real)
            values |= some
            protocol |= counts
        named = self._named(values)
        if generated.first is not None:
            named["diversity"] = ssim.diversity(generated.first)
        return named, protocol

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        return {self.metrics.key(name): value for name, value in values.items()}


def batches(sample: Sampler, count: int, size: int) -> Iterator[tuple[Tensor, Tensor | None]]:
    """`count` generated images, `size` at a time, with their labels or None."""
    for start in range(0, count, size):
        batch = sample(min(size, count - start))
        yield batch if isinstance(batch, tuple) else (batch, None)
