"""Every figure from the features of generated and real images, through torch-fidelity's own functions."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from gan_experiments.metrics.features import Features

SEED = 2020  # torch-fidelity's default, for subsets and splits
SPLITS = 10
SUBSET = 1000
NEIGHBOURS = 3


def equal_share(features: Tensor, count: int, seed: int) -> Tensor:
    """`count` rows drawn without replacement, in their order; all rows where there are no more."""
    if len(features) <= count:
        return features
    generator = torch.Generator().manual_seed(seed)
    return features[torch.randperm(len(features), generator=generator)[:count].sort().values]


def scores(generated: Features, real: Features, seed: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Figures by name (fd, kid, is, is_std, precision, recall) and the counts they were made with."""
    subset = min(SUBSET, len(generated), len(real))
    count = min(len(generated), len(real))  # precision and recall compare equal numbers
    ours, theirs = (equal_share(f.pooled, count, seed) for f in (generated, real))
    statistics = [fid_features_to_statistics(f.pooled) for f in (generated, real)]
    fid = fid_statistics_to_metric(*statistics, verbose=False)
    kid = kid_features_to_metric(
        generated.pooled, real.pooled, kid_subset_size=subset, rng_seed=SEED, verbose=False
    )
    inception_score = isc_features_to_metric(generated.logits, splits=SPLITS, rng_seed=SEED)
    neighbours = prc_features_to_metric(ours, theirs, prc_neighborhood=NEIGHBOURS, verbose=False)
    values = {
        "fd": fid["frechet_inception_distance"],
        "kid": kid["kernel_inception_distance_mean"],
        "is": inception_score["inception_score_mean"],
        "is_std": inception_score["inception_score_std"],
        "precision": neighbours["precision"],
        "recall": neighbours["recall"],
    }
    protocol = {
        "kid_subset_size": subset,
        "is_splits": SPLITS,
        "neighbours": NEIGHBOURS,
        "neighbours_images": count,
    }
    return values, protocol
