"""Adversarial losses: what the discriminator's scores say to both players."""

from gan_experiments.losses.adversarial import (
    Hinge,
    LeastSquares,
    Minimax,
    NonSaturating,
    Relativistic,
    SoftplusLeastSquares,
    Wasserstein,
)
from gan_experiments.losses.base import Loss, NoLoss
from gan_experiments.losses.fdivergence import (
    FDivergence,
    GanDivergence,
    JensenShannon,
    KullbackLeibler,
    Neyman,
    Pearson,
    ReverseKullbackLeibler,
    SquaredHellinger,
    TotalVariation,
)
from gan_experiments.losses.probability import ProbabilityHinge

__all__ = [
    "FDivergence",
    "GanDivergence",
    "Hinge",
    "JensenShannon",
    "KullbackLeibler",
    "LeastSquares",
    "Loss",
    "Minimax",
    "Neyman",
    "NoLoss",
    "NonSaturating",
    "Pearson",
    "ProbabilityHinge",
    "Relativistic",
    "ReverseKullbackLeibler",
    "SoftplusLeastSquares",
    "SquaredHellinger",
    "TotalVariation",
    "Wasserstein",
]
