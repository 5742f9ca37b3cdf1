"""Regularisers of the discriminator: gradient penalties and weight clipping."""

from gan_experiments.penalties.base import Penalty
from gan_experiments.penalties.clipping import WeightClipping
from gan_experiments.penalties.gradient import R1, R2, Dragan, GradientPenalty, RmsGradientPenalty
from gan_experiments.penalties.lecam import LeCam

__all__ = [
    "R1",
    "R2",
    "Dragan",
    "GradientPenalty",
    "LeCam",
    "Penalty",
    "RmsGradientPenalty",
    "WeightClipping",
]
