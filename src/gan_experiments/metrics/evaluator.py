"""Scores over the features of one network: what `metrics=inception`, `lenet` and the like share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Optional

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments import __version__, parallel
from gan_experiments.errors import UserError
from gan_experiments.metrics import scores, ssim
from gan_experiments.metrics.base import Evaluation, Images, Metrics, SampleStream
from gan_experiments.metrics.features import Extraction, Extractor, Features, to_uint8
from gan_experiments.metrics.reference import Reference, draw
from gan_experiments.metrics.store import Store

FIRST = ssim.BATCH * ssim.BATCHES  # images whose diversity is measured

Figures = Callable[[Features, Reference], tuple[dict[str, float], dict[str, Any]]]


@dataclass
class FeatureMetrics(Metrics):
    """Frechet and kernel distance, precision, recall, density, coverage and score over one network's features."""

    figures: ClassVar[tuple[Figures, ...]] = (scores.distances, scores.sliced, scores.shares, scores.classes)

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
            if len(images) < scores.FEWEST:
                raise UserError(
                    f"there are {len(images)} real images; metrics need at least {scores.FEWEST} "
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

    @property
    def best_of_few(self) -> str | None:
        return self.key("kid") if scores.distances in self.figures else None

    def at_most(self, samples: int) -> FeatureMetrics:
        if samples < scores.FEWEST:
            raise UserError(
                f"there are {samples} held-out images to translate; metrics need at least {scores.FEWEST} "
                f"(metrics=none trains without)"
            )
        return replace(self, samples=min(samples, self.samples))


class FeatureEvaluator:
    """Keeps the network and what is known of the real images between evaluations."""

    def __init__(self, metrics: FeatureMetrics, real: Reference, held_out: Reference | None) -> None:
        self.metrics, self.real, self.held_out = metrics, real, held_out

    @property
    def parts(self) -> list[FeatureEvaluator]:
        return [self]

    def __call__(self, sample: SampleStream) -> Evaluation:
        features = extract(self.parts, sample)
        return self.judge(features) if features is not None else Evaluation()

    def judge(self, features: Sequence[Features]) -> Evaluation:
        """Every figure of generated images from the features that each of the parts has of them."""
        return self.evaluate(*features)

    def extraction(self) -> Extraction:
        """What collects generated images for `evaluate`."""
        return Extraction(self.real.extractor, keep=FIRST)

    def rows(self, images: Images) -> Tensor:
        """Which of images at hand stand in place of generated ones: `samples` at most."""
        return draw(len(images), self.metrics.samples, self.metrics.seed)

    def of(self, images: Images) -> Features:
        """The features of the `rows` of images at hand."""
        reference = Reference(
            images,
            self.real.extractor,
            self.metrics.samples,
            self.metrics.seed,
            self.metrics.batch_size,
            Store(None),
        )
        return reference.sample(self.metrics.samples, FIRST)

    def evaluate(self, generated: Features) -> Evaluation:
        """Every figure of generated images from their features."""
        total = len(generated) + generated.non_finite
        protocol = self.real.extractor.protocol | {
            "generated": total,
            "real": len(self.real.rows),
            "real_digest": self.real.images.digest,
            "seed": self.metrics.seed,
            "precision": "float32",
            "version": __version__,
        }
        if generated.non_finite:
            protocol["non_finite"] = f"non-finite features: {generated.non_finite} of {total}"
            return Evaluation(dict.fromkeys(filter(None, [self.metrics.best]), math.nan), protocol)
        if self.held_out is not None:
            protocol["floor"] = min(len(self.held_out.rows), self.metrics.samples)
        values, counts = self._figures(generated)
        classes = self._named(scores.by_class(generated, self.real))
        within = "diversity_within_class"  # held-out images have labels also where generated ones have none
        floor = {name: value for name, value in self.floor.items() if name != within or within in values}
        return Evaluation(values, protocol | counts, floor, classes)

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same figures with held-out real images, `samples` at most, in place of generated ones."""
        if self.held_out is None:
            return {}
        return self._figures(self.held_out.sample(self.metrics.samples, FIRST))[0]

    def _figures(self, generated: Features) -> tuple[dict[str, float], dict[str, Any]]:
        values: dict[str, float] = {}
        protocol: dict[str, Any] = {}
        for figures in self.metrics.figures:
            part, counts = figures(generated, self.real)
            values |= part
            protocol |= counts
        return self._named(values) | scores.diversities(generated), protocol

    def _named(self, values: dict[str, Any]) -> dict[str, Any]:
        return {self.metrics.key(name): value for name, value in values.items()}


def extract(evaluators: Sequence[FeatureEvaluator], sample: SampleStream) -> list[Features] | None:
    """For each evaluator the features of the first `samples` of the same images, which are made once.

    All ranks of a run call it together and share the work; the features come to the first, None to the others.
    """
    for evaluator in evaluators:
        evaluator.real.prepare()
        if evaluator.held_out is not None:
            evaluator.held_out.prepare()
    extractions = [evaluator.extraction() for evaluator in evaluators]
    wanted = [evaluator.metrics.samples for evaluator in evaluators]
    size = min(evaluator.metrics.batch_size for evaluator in evaluators)
    for start, images, labels in batches(sample, max(wanted), size):
        for extraction, count in zip(extractions, wanted, strict=True):
            if count > start:
                part = slice(count - start)
                extraction.add(images[part], None if labels is None else labels[part])
    results = [extraction.features() for extraction in extractions]
    return [features for features in results if features is not None] or None


def picked(sample: SampleStream, rows: Sequence[int], count: int, size: int) -> dict[int, Tensor]:
    """Some of `count` generated images by their places, uint8 (c, h, w), from a sampler that starts anew.

    `size` images at a time, as when their features were extracted.
    """
    chosen: dict[int, Tensor] = {}
    for start in range(0, count, size):
        number = min(size, count - start)
        wanted = [row for row in rows if start <= row < start + number]
        if not wanted:
            sample.skip(number)
            continue
        batch = sample(number)
        images, _ = to_uint8(batch[0] if isinstance(batch, tuple) else batch)
        chosen |= {row: images[row - start].cpu() for row in wanted}
    return chosen


def batches(sample: SampleStream, count: int, size: int) -> Iterator[tuple[int, Tensor, Tensor | None]]:
    """This rank's share of `count` generated images, `size` at a time: the first one's place, images, labels.

    Batches are never split between ranks, so that every image is computed as one process would.
    """
    mine = parallel.share(-(-count // size))
    for index, start in enumerate(range(0, count, size)):
        number = min(size, count - start)
        if index not in mine:
            sample.skip(number)
            continue
        batch = sample(number)
        images, labels = batch if isinstance(batch, tuple) else (batch, None)
        yield start, images, labels
