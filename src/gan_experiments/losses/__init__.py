"""Adversarial losses: what the discriminator's scores say to both players."""

from gan_experiments.losses.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    SoftplusLeastSquares,
    Wasserstein,
)
from gan_experiments.losses.base import Loss

__all__ = [
    "Hinge",
    "LeastSquares",
    "Loss",
    "Minimax",
    "NonSaturating",
    "SoftplusLeastSquares",
    "Wasserstein",
]
