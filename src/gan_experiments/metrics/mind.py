"""MIND (Berthet et al. 2026, arXiv:2605.06797): the sliced Wasserstein distance of features."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize

from gan_experiments.losses.sliced import sliced_wasserstein2

DIRECTIONS = 1000
SAMPLES = 5000  # at most, on either side: more of them hardly move the figure
BLOCK = 100  # directions whose projections are in memory at a time


def mind(generated: Tensor, real: Tensor, seed: int) -> float:
    """3 d SW2^2 of equally many features (n, d), over `DIRECTIONS` directions drawn from `seed`.

    0 for equal features; 3 |c|^2, in the mean over directions, for features moved by c. Like any sliced distance of
    samples it falls with n, so that it compares only at one n. Raises ValueError for samples of unequal size.
    """
    dim = real.shape[1]
    generator = torch.Generator().manual_seed(seed)
    directions = normalize(torch.randn(DIRECTIONS, dim, generator=generator), dim=1).to(real.device)
    blocks = [sliced_wasserstein2(generated, real, block) for block in directions.view(-1, BLOCK, dim)]
    return 3 * dim * float(torch.stack(blocks).double().mean())
