"""Every figure from one pass of features."""

from __future__ import annotations

from typing import Any

from gan_experiments.metrics import kernel, neighbours
from gan_experiments.metrics.classes import SPLITS, inception_score
from gan_experiments.metrics.features import Features
from gan_experiments.metrics.frechet import Gaussian, Moments, extrapolated, frechet_distance, standard_error
from gan_experiments.metrics.reference import Reference, draw

FIGURES = ("fd", "kid", "is", "is_std", "precision", "recall", "density", "coverage")


def scores(generated: Features, real: Reference) -> tuple[dict[str, float], dict[str, Any]]:
    """The `FIGURES` of generated images by name, and the counts they were made with.

    Where they hold, also fd_se, the standard error of fd over draws of the generated images, and fd_unbiased,
    its limit for infinitely many of them. Precision and the like compare equal numbers of images.
    """
    gaussian = Gaussian.of(Moments.of(generated.pooled), generated.pooled)
    fd = frechet_distance(gaussian, real.gaussian)
    error = standard_error(generated.pooled, gaussian, real.gaussian)
    limit = extrapolated(generated.pooled, real.gaussian, error) if error is not None else None

    subset = min(kernel.SUBSET, len(generated), len(real.features))
    kid, _ = kernel.kernel_distance(generated.pooled, real.features.pooled, subset)

    count = min(len(generated), len(real.features))
    ours = generated.pooled[draw(len(generated), count, real.seed)].to(real.extractor.device)
    near = neighbours.neighbours(ours, real.manifold(count))

    mean, spread = inception_score(generated.logits)
    values = {
        "fd": fd,
        "fd_se": error,
        "fd_unbiased": limit,
        "kid": kid,
        "is": mean,
        "is_std": spread,
        **vars(near),
    }
    protocol = {
        "kid_subset_size": subset,
        "is_splits": min(SPLITS, len(generated)),
        "neighbours": {
            "precision, recall": neighbours.NEAREST,
            "density, coverage": neighbours.NEAREST_DENSITY,
        },
        "neighbours_images": count,
    }
    return {name: value for name, value in values.items() if value is not None}, protocol
