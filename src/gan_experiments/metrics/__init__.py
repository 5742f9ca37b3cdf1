"""Figures of merit: a sampler and real images in, named numbers with their protocol out."""

from gan_experiments.metrics.base import Evaluation, Evaluator, Images, Metrics, NoMetrics, SampleStream
from gan_experiments.metrics.cifar import Cifar
from gan_experiments.metrics.dinov2 import Dinov2Metrics
from gan_experiments.metrics.evaluator import FeatureMetrics
from gan_experiments.metrics.inception import Inception
from gan_experiments.metrics.lenet import LeNet
from gan_experiments.metrics.modes import ModeMetrics
from gan_experiments.metrics.several import Several
from gan_experiments.metrics.stacked import StackedDigits
from gan_experiments.metrics.vgg16 import Vgg16Metrics

__all__ = [
    "Cifar",
    "Dinov2Metrics",
    "Evaluation",
    "Evaluator",
    "FeatureMetrics",
    "Images",
    "Inception",
    "LeNet",
    "Metrics",
    "ModeMetrics",
    "NoMetrics",
    "SampleStream",
    "Several",
    "StackedDigits",
    "Vgg16Metrics",
]
