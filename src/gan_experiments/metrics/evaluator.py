"""Scores over the features of one network: what `metrics=inception`, `lenet` and the like share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.metrics.base import Evaluation, Images, Metrics, Sampler
from gan_experiments.metrics.features import Extractor, Features, extract
from gan_experiments.metrics.scores import scores

FEWEST = 10  # images, on either side: below that a neighbour or a split is missing


@dataclass
class FeatureMetrics(Metrics):
    """Frechet and kernel distance, precision, recall and score over the features of one fixed network."""

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
        """The name of a figure (fd, kid, is, is_std, precision, recall) over these features."""
        raise NotImplementedError

    def evaluator(self, real: Images, device: torch.device) -> FeatureEvaluator:
        if len(real.images) < FEWEST:
            raise UserError(
                f"there are {len(real.images)} real images; metrics need at least {FEWEST} "
                f"(metrics=none trains without)"
            )
        with torch.random.fork_rng(devices=[]):  # building a network draws initial weights
            return FeatureEvaluator(self, self.extractor(), real, device)

    @property
    def best(self) -> str | None:
        return self.key("fd")


class FeatureEvaluator:
    """Keeps the network and the real images' features between evaluations."""

    def __init__(
        self, metrics: FeatureMetrics, extractor: Extractor, real: Images, device: torch.device
    ) -> None:
        self.metrics, self.images, self.device = metrics, real, device
        self.extractor = extractor
        extractor.network.to(device).eval().requires_grad_(False)

    @cached_property
    def real(self) -> Features:
        """Features of the real images, made at the first evaluation."""
        return extract(self.extractor, self._real_batches(), self.device)

    def __call__(self, sample: Sampler) -> Evaluation:
        generated = extract(self.extractor, self._generated_batches(sample), self.device)
        protocol = self._protocol()
        if generated.non_finite:
            values = dict.fromkeys(FIGURES, float("nan"))
            protocol["non_finite"] = f"non-finite features: {generated.non_finite} of {self.metrics.samples}"
        else:
            values, counts = scores(generated, self.real, self.metrics.seed)
            protocol |= counts
        return Evaluation({self.metrics.key(name): value for name, value in values.items()}, protocol)

    def _protocol(self) -> dict[str, Any]:
        return self.extractor.protocol | {
            "generated": self.metrics.samples,
            "real": len(self._rows()),
            "real_digest": self.images.digest,
            "seed": self.metrics.seed,
            "precision": "float32",
        }

    def _rows(self) -> Tensor:
        """Which real images are compared: all, or `metrics.real` of them, drawn once and in order."""
        count, limit = len(self.images.images), self.metrics.real
        if limit is None or limit >= count:
            return torch.arange(count)
        generator = torch.Generator().manual_seed(self.metrics.seed)
        return torch.randperm(count, generator=generator)[:limit].sort().values

    def _real_batches(self) -> Iterator[Tensor]:
        for rows in torch.split(self._rows(), self.metrics.batch_size):
            yield torch.from_numpy(self.images.images[rows.numpy()])

    def _generated_batches(self, sample: Sampler) -> Iterator[Tensor]:
        for start in range(0, self.metrics.samples, self.metrics.batch_size):
            yield sample(min(self.metrics.batch_size, self.metrics.samples - start))


FIGURES = ("fd", "kid", "is", "is_std", "precision", "recall")
