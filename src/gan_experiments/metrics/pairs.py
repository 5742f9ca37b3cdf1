"""How close outputs are to the images that they should be: for translation with pairs."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gan_experiments.metrics.features import to_uint8
from gan_experiments.metrics.ssim import ssim

BATCH = 32  # pairs at a time
NAMES = ("l1", "psnr", "ssim")
EQUAL = 100.0  # dB, of an image that is its target


def closeness(outputs: Tensor, targets: Tensor) -> Tensor:
    """The figures `NAMES` (n, 3) of pairs (n, c, h, w), uint8 or float in [-1, 1]; NaN where an output is not finite.

    l1: mean absolute difference of pixels in [-1, 1], as losses of pairs have it (Isola et al. 2017), after rounding
    to bytes. psnr: 10 log10(255^2 / mean squared difference) in dB, an equal pair counts as 100. ssim: Wang et al.
    2004, Gaussian window of 11 pixels, mean over channels.
    """
    (output, finite), (target, _) = to_uint8(outputs), to_uint8(targets)
    difference = (output.double() - target.double()).flatten(1)
    l1 = difference.abs().mean(1) / 127.5
    psnr = (10 * torch.log10(255**2 / difference.square().mean(1))).clamp(max=EQUAL)
    both, index = torch.cat([output, target]).float(), torch.arange(len(output))
    similarity = ssim(both, torch.stack([index, index + len(output)], dim=1), luminance=True).double()
    return torch.stack([l1, psnr, similarity], dim=1).masked_fill(~finite[:, None], math.nan)


def figures(closeness: Tensor) -> dict[str, float]:
    """The mean of each over all pairs, from rows (n, 3)."""
    return dict(zip(NAMES, closeness.mean(0).tolist(), strict=True))
