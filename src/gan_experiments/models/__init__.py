"""The methods: one file each, reading like its paper."""

from gan_experiments.models.aae import Aae
from gan_experiments.models.alphagan import AlphaGan
from gan_experiments.models.base import LatentModel, Model, Phase, Prior, Step
from gan_experiments.models.began import Began
from gan_experiments.models.conditional import Conditional
from gan_experiments.models.cut import Cut
from gan_experiments.models.cyclegan import CycleGan
from gan_experiments.models.distgan import DistGan
from gan_experiments.models.ebgan import Ebgan
from gan_experiments.models.feeds import Feed, ImageFeed, LatentFeed
from gan_experiments.models.gan import Gan
from gan_experiments.models.gngan import GnGan
from gan_experiments.models.mmdgan import MmdGan
from gan_experiments.models.mmdgan_gp import MmdGanGp
from gan_experiments.models.pix2pix import Pix2Pix
from gan_experiments.models.swgan import Sliced, SwGan
from gan_experiments.models.vae import Vae
from gan_experiments.models.vaegan import VaeGan
from gan_experiments.models.veegan import VeeGan

__all__ = [
    "Aae",
    "AlphaGan",
    "Began",
    "Conditional",
    "Cut",
    "CycleGan",
    "DistGan",
    "Ebgan",
    "Feed",
    "Gan",
    "GnGan",
    "ImageFeed",
    "LatentFeed",
    "LatentModel",
    "MmdGan",
    "MmdGanGp",
    "Model",
    "Phase",
    "Pix2Pix",
    "Prior",
    "Sliced",
    "Step",
    "SwGan",
    "Vae",
    "VaeGan",
    "VeeGan",
]
