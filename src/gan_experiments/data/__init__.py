"""Data sets, decoded once to uint8, and the loader that feeds training."""

from gan_experiments.data.base import Data, ImageSet
from gan_experiments.data.celeba import CelebA
from gan_experiments.data.cifar10 import Cifar10
from gan_experiments.data.digits import Digits
from gan_experiments.data.domain_folders import DomainFolders
from gan_experiments.data.fashion_mnist import FashionMnist
from gan_experiments.data.folder import Folder
from gan_experiments.data.horse2zebra import Horse2Zebra
from gan_experiments.data.loader import Loader
from gan_experiments.data.mnist import Mnist
from gan_experiments.data.npz import Npz
from gan_experiments.data.pairs import Facades, Maps, PairedFolders, Pairs
from gan_experiments.data.points import Gaussian1d, Grid, Mixture1200, Points, PointSet, Ring
from gan_experiments.data.stacked_mnist import StackedMnist
from gan_experiments.data.stl10 import Stl10
from gan_experiments.data.two_domains import TwoDomains

__all__ = [
    "CelebA",
    "Cifar10",
    "Data",
    "Digits",
    "DomainFolders",
    "Facades",
    "FashionMnist",
    "Folder",
    "Gaussian1d",
    "Grid",
    "Horse2Zebra",
    "ImageSet",
    "Loader",
    "Maps",
    "Mixture1200",
    "Mnist",
    "Npz",
    "PairedFolders",
    "Pairs",
    "PointSet",
    "Points",
    "Ring",
    "StackedMnist",
    "Stl10",
    "TwoDomains",
]
