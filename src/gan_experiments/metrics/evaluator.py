"""Scores over the features of one network: what `metrics=inception`, `lenet` and the like share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.metrics.base import Evaluation, Images, Metrics, Sampler
from gan_experiments.metrics.features import Extractor, Features, extract
from gan_experiments.metrics.reference import Reference, draw
from gan_experiments.metrics.scores import FIGURES, scores
from gan_experiments.metrics.store import Store

FEWEST = 10  # images, on either side: below that a neighbour or a split is missing


@dataclass
class FeatureMetrics(Metrics):
    """Frechet and kernel distance, precision, recall, density, coverage and score over one network's features."""

    samples: int = MISSING  # generated images per evaluation
    real: Optional[int] = MISSING  # noqa: UP045  (real images, at most; null: all of the training split)
    batch_size: int = MISSING  # of the feature network
    seed: int = MISSING  # of the choice of real images

    def __post_init__(self) -> None:
        for name in ("samples", "real"):
            value = getattr(self, name)
            if value is not None and value < FEWEST:
                raise UserError(f"metrics.{name} must be at least {FEWEST}, not {value}")
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
            if len(images.images) < FEWEST:
                raise UserError(
                    f"there are {len(images.images)} real images; metrics need at least {FEWEST} "
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
        return self.key("fd")


class FeatureEvaluator:
    """Keeps the network and what is known of the real images between evaluations."""

    def __init__(self, metrics: FeatureMetrics, real: Reference, held_out: Reference | None) -> None:
        self.metrics, self.real, self.held_out = metrics, real, held_out

    def __call__(self, sample: Sampler) -> Evaluation:
        generated = extract(self.real.extractor, self._batches(sample))
        protocol = self._protocol()
        if generated.non_finite:
            values = dict.fromkeys(FIGURES, float("nan"))
            protocol["non_finite"] = f"non-finite features: {generated.non_finite} of {self.metrics.samples}"
        else:
            values, counts = scores(generated, self.real)
            protocol |= counts
        return Evaluation(self._named(values), protocol, self.floor)

    @cached_property
    def floor(self) -> dict[str, float]:
        """The same figures with `samples` held-out real images, at most, in place of generated ones."""
        if self.held_out is None:
            return {}
        features = self.held_out.features
        rows = draw(len(features), self.metrics.samples, self.metrics.seed)
        return self._named(scores(Features(features.pooled[rows], features.logits[rows]), self.real)[0])

    def _named(self, values: dict[str, float]) -> dict[str, float]:
        return {self.metrics.key(name): value for name, value in values.items()}

    def _protocol(self) -> dict[str, Any]:
        return self.real.extractor.protocol | {
            "generated": self.metrics.samples,
            "real": len(self.real.rows),
            "real_digest": self.real.images.digest,
            "seed": self.metrics.seed,
            "precision": "float32",
        }

    def _batches(self, sample: Sampler) -> Iterator[Tensor]:
        for start in range(0, self.metrics.samples, self.metrics.batch_size):
            yield sample(min(self.metrics.batch_size, self.metrics.samples - start))
