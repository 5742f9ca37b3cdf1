"""Sample diversity: one minus the mean multi-scale structural similarity between images.

MS-SSIM after Wang et al. 2003; as a measure of diversity after Odena et al. 2017, over all pairs within batches
of 64 as in compare_gan (Kurach et al. 2019).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # of the scales, finest first
TAPS, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
BATCH, BATCHES = 64, 5
PAIRS = 256  # pairs in memory at a time


def ms_ssim(images: Tensor, pairs: Tensor) -> Tensor:
    """Similarity (k,) in [0, 1], 1 for equal ones, of `pairs` (k, 2) of images (n, c, h, w) in [0, 255].

    At scales smaller than the 11-tap window, the window shrinks to the image and its width with it; negative
    contrasts count as 0.
    """
    similarity = torch.ones(len(pairs), device=images.device)
    x = images.float()
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            x = F.avg_pool2d(x, 2, ceil_mode=True)
        factor = torch.cat([ssim(x, part, scale == len(WEIGHTS) - 1) for part in torch.split(pairs, PAIRS)])
        similarity *= factor.clamp(min=0) ** weight
    return similarity


def ssim(x: Tensor, pairs: Tensor, luminance: bool) -> Tensor:
    """SSIM (k,) with or without its luminance term, the mean over the window's places (Wang et al. 2004)."""
    mean = _blur(x)
    variance = _blur(x * x) - mean**2
    i, j = pairs.unbind(1)
    product = mean[i] * mean[j]
    similar = (2 * (_blur(x[i] * x[j]) - product) + C2) / (variance[i] + variance[j] + C2)
    if luminance:
        similar *= (2 * product + C1) / (mean[i] ** 2 + mean[j] ** 2 + C1)
    return similar.mean((1, 2, 3))


def _blur(x: Tensor) -> Tensor:
    """A Gaussian window over the places where it fits: two matrix products."""
    height, width = x.shape[2:]
    taps = min(TAPS, height, width)
    offsets = torch.arange(taps, device=x.device) - (taps - 1) / 2
    window = torch.exp(-0.5 * (offsets / (SIGMA * taps / TAPS)) ** 2)
    window = window / window.sum()

    def places(size: int) -> Tensor:
        rows = torch.zeros(size - taps + 1, size, device=x.device)
        for row in range(len(rows)):
            rows[row, row : row + taps] = window
        return rows

    return places(height) @ x @ places(width).T


def diversity(images: Tensor, labels: Tensor | None = None) -> float:
    """1 - mean MS-SSIM over pairs of different images (n, c, h, w), uint8; within a class where there are labels.

    The first 320 images are compared, in batches of 64; nan where no batch has a pair.
    """
    values = []
    for start in range(0, min(len(images), BATCH * BATCHES), BATCH):
        batch = images[start : start + BATCH]
        pairs = torch.combinations(torch.arange(len(batch), device=images.device))
        if labels is not None:
            group = labels[start : start + BATCH]
            pairs = pairs[group[pairs[:, 0]] == group[pairs[:, 1]]]
        if len(pairs):
            values.append(ms_ssim(batch, pairs))
    return 1 - float(torch.cat(values).double().mean()) if values else float("nan")
