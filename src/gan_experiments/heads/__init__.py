"""Heads: what turns a discriminator's features into scores, and the losses that belong to it."""

from gan_experiments.heads.base import Head, HeadLayer, Terms, check_head
from gan_experiments.heads.classifier import Classifier
from gan_experiments.heads.linear import Linear
from gan_experiments.heads.projection import Projection
from gan_experiments.heads.san import ClassSan, San

__all__ = [
    "ClassSan",
    "Classifier",
    "Head",
    "HeadLayer",
    "Linear",
    "Projection",
    "San",
    "Terms",
    "check_head",
]
