"""Modes of known mixtures of Gaussians: rings and grids in the plane, and VEEGAN's 1200 dimensions."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from gan_experiments.metrics.classes import histogram, kl_to_uniform


@dataclass
class Modes:
    """VEEGAN's figures (Srivastava et al. 2017): modes captured, and the share of samples of high quality.

    `reverse_kl` is PacGAN's KL(histogram of the nearest modes of those samples || uniform); ln(modes) for none.
    """

    captured: int
    high_quality: float
    reverse_kl: float


def captured(samples: Tensor, centres: Tensor, sigma: float, within: float = 3.0) -> Modes:
    """Score samples (n, d) against centres (modes, d) of Gaussians of standard deviation `sigma`.

    A sample is of high quality no further than `within` sigma from its nearest centre (10 for the 1200-D set),
    and a mode with such a sample is captured. Non-finite samples are of low quality.
    """
    distance, nearest = torch.cdist(samples.double(), centres.double()).min(1)
    good = distance <= within * sigma
    if not good.any():
        return Modes(0, 0.0, math.log(len(centres)))
    shares = histogram(nearest[good], len(centres))
    return Modes(int((shares > 0).sum()), float(good.double().mean()), kl_to_uniform(shares))
