"""Data sets, decoded once to uint8, and the loader that feeds training."""

from gan_experiments.data.base import Data, ImageSet
from gan_experiments.data.digits import Digits
from gan_experiments.data.loader import Loader
from gan_experiments.data.mnist import FashionMnist, Mnist
from gan_experiments.data.npz import Npz

__all__ = ["Data", "Digits", "FashionMnist", "ImageSet", "Loader", "Mnist", "Npz"]
