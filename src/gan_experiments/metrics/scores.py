"""Every figure from one pass of features."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

from gan_experiments.metrics import kernel, mind, neighbours, ssim
from gan_experiments.metrics.classes import SPLITS, histogram, inception_score, kl_to_uniform
from gan_experiments.metrics.features import Features
from gan_experiments.metrics.frechet import Gaussian, Moments, extrapolated, frechet_distance, standard_error
from gan_experiments.metrics.neighbours import Manifold
from gan_experiments.metrics.reference import Reference, drawn

FEWEST = 10  # images on either side: below that a neighbour or a split is missing

Values = dict[str, float]


def distances(generated: Features, real: Reference) -> tuple[Values, dict[str, Any]]:
    """Frechet distance `fd` and kernel distance `kid`, and the counts they were made with.

    Where they hold, also `fd_se`, the standard error of fd over draws of the generated images, and
    `fd_unbiased`, its limit for infinitely many of them.
    """
    quarters = Moments.quarters(generated.pooled)
    gaussian = Gaussian.of(functools.reduce(operator.add, quarters), generated.pooled)
    values = {"fd": frechet_distance(gaussian, real.gaussian)}
    error = standard_error(generated.pooled, gaussian, real.gaussian)
    if error is not None:
        values["fd_se"] = error
        limit = extrapolated(quarters, real.gaussian, values["fd"], error)
        if limit is not None:
            values["fd_unbiased"] = limit
    subset = min(kernel.SUBSET, len(generated), len(real.features))
    similarity = real.kernel_similarity(len(generated), subset)
    values["kid"], _ = kernel.kernel_distance(generated.pooled, real.features.pooled, subset, similarity)
    return values, {"kid_subset_size": subset}


def sliced(generated: Features, real: Reference) -> tuple[Values, dict[str, Any]]:
    """MIND, `mind`, among equal numbers of images: as good with thousands as the Frechet distance with tens of them."""
    count = min(len(generated), len(real.features), mind.SAMPLES)
    device = real.extractor.device
    rows, truth = (
        drawn(features.pooled, count, real.seed).to(device) for features in (generated, real.features)
    )
    value = mind.mind(rows, truth, real.seed)
    return {"mind": value}, {"mind_directions": mind.DIRECTIONS, "mind_images": count}


def shares(generated: Features, real: Reference) -> tuple[Values, dict[str, Any]]:
    """Precision, recall, density and coverage among equal numbers of images."""
    count = min(len(generated), len(real.features))
    ours = drawn(generated.pooled, count, real.seed).to(real.extractor.device)
    values = neighbours.neighbours(ours, real.manifold(count))
    return vars(values), {
        "precision_neighbours": neighbours.NEAREST,
        "density_neighbours": neighbours.NEAREST_DENSITY,
        "neighbours_images": count,
    }


def classes(generated: Features, real: Reference) -> tuple[Values, dict[str, Any]]:
    """Inception score `is` with `is_std`, and for a classifier of the data's own classes `mode_kl`.

    mode_kl: KL(generated classes || uniform). Nothing for a network without classes.
    """
    if not generated.logits.shape[1]:
        return {}, {}
    score, spread = inception_score(generated.logits)
    values = {"is": score, "is_std": spread}
    protocol: dict[str, Any] = {"is_splits": min(SPLITS, len(generated))}
    if real.classifies:
        modes = histogram(generated.logits.argmax(1), generated.logits.shape[1])
        values["mode_kl"] = kl_to_uniform(modes)
        protocol["mode_histogram"] = modes.tolist()
    return values, protocol


def diversities(generated: Features) -> Values:
    """`diversity`, 1 - MS-SSIM of the first images, and with labels `diversity_within_class`.

    Nothing for images of different sizes.
    """
    if generated.first is None:
        return {}
    values = {"diversity": ssim.diversity(generated.first)}
    if generated.first_labels is not None:
        within = ssim.diversity(generated.first, generated.first_labels)
        if math.isfinite(within):  # else no batch has two images of one class
            values["diversity_within_class"] = within
    return values


def by_class(generated: Features, real: Reference) -> dict[str, list[float]]:
    """fd (intra-FID, Miyato and Koyama 2018), precision, recall, density and coverage class by class.

    Each list is ordered by label; nan where a class has too few images. Nothing without labels on both sides.
    """
    if generated.labels is None or real.features.labels is None:
        return {}
    by_class: dict[str, list[float]] = {}
    for label in range(int(real.features.labels.max()) + 1):
        ours, theirs = (f.pooled[f.labels == label] for f in (generated, real.features))
        count = min(len(ours), len(theirs))
        values = dict.fromkeys(("fd", "precision", "recall", "density", "coverage"), math.nan)
        if count >= FEWEST:
            gaussians = [Gaussian.of(Moments.of(rows), rows) for rows in (ours, theirs)]
            values["fd"] = frechet_distance(*gaussians)
            ours, theirs = (drawn(rows, count, real.seed) for rows in (ours, theirs))
            device = real.extractor.device
            values |= vars(neighbours.neighbours(ours.to(device), Manifold.of(theirs.to(device))))
        for name, value in values.items():
            by_class.setdefault(name, []).append(value)
    return by_class
