"""What a classifier says about generated images: Inception score, and how many modes there are."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

SPLITS = 10
SEED = 2020  # SPLITS and SEED are torch-fidelity's: its shuffle is the same


def inception_score(logits: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over ten splits of exp E KL(p(y|x) || p(y)) (Salimans et al. 2016).

    `logits` (n, classes); with fewer than ten rows there are n splits.
    """
    order = torch.from_numpy(np.random.RandomState(SEED).permutation(len(logits)))
    logs = logits[order].double().log_softmax(1)
    count, splits = len(logs), min(SPLITS, len(logs))
    scores = []
    for i in range(splits):
        part = logs[i * count // splits : (i + 1) * count // splits]
        marginal = part.logsumexp(0) - math.log(len(part))
        divergence = part.exp() * (part - marginal)
        scores.append(divergence.nan_to_num(0.0).sum(1).mean().exp().item())  # 0 * (-inf + inf) is 0 here
    return float(np.mean(scores)), float(np.std(scores))


def histogram(labels: Tensor, modes: int) -> Tensor:
    """Share (modes,) of each label 0 ... modes - 1, float64."""
    return torch.bincount(labels, minlength=modes).double() / len(labels)


def kl_to_uniform(shares: Tensor) -> float:
    """KL(shares || uniform) in nats: 0 when all modes are equally frequent, ln(modes) when there is one."""
    return float(torch.xlogy(shares, shares * len(shares)).sum())


def stacked_labels(logits: Tensor) -> Tensor:
    """The mode (n,), 0 to 999, of stacked digits: three images' logits (n, 3, 10), the first digit counting hundreds.

    Stacked MNIST (Metz et al. 2017; VEEGAN, Srivastava et al. 2017): three digits as the colours of one image.
    """
    hundreds, tens, ones = logits.argmax(2).unbind(1)
    return hundreds * 100 + tens * 10 + ones


def modes_reached(shares: Tensor) -> int:
    """How many modes have at least one sample."""
    return int((shares > 0).sum())
