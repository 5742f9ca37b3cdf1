"""Figures of merit: a sampler and real images in, named numbers with their protocol out."""

from gan_experiments.metrics.base import Evaluation, Evaluator, Images, Metrics, NoMetrics, Sampler
from gan_experiments.metrics.evaluator import FeatureMetrics
from gan_experiments.metrics.inception import Inception
from gan_experiments.metrics.lenet import LeNet

__all__ = [
    "Evaluation",
    "Evaluator",
    "FeatureMetrics",
    "Images",
    "Inception",
    "LeNet",
    "Metrics",
    "NoMetrics",
    "Sampler",
]
