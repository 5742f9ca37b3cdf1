"""Network families, each one file for every resolution, and the parts that methods build networks from."""

from gan_experiments.networks.base import ConditionalGenerator, Generator, Network
from gan_experiments.networks.biggan import BigGAN
from gan_experiments.networks.cyclegan import CycleGAN
from gan_experiments.networks.dcgan import DCGAN
from gan_experiments.networks.discriminator import Discriminator, Trunk
from gan_experiments.networks.encoder import Autoencoder, CodeDiscriminator, Encoder, PairDiscriminator
from gan_experiments.networks.layers import Init, Norm
from gan_experiments.networks.mlp import MLP
from gan_experiments.networks.patches import PatchDiscriminator, TranslationNetwork
from gan_experiments.networks.projector import PatchProjector
from gan_experiments.networks.resnet import ResNet
from gan_experiments.networks.sndcgan import SNDCGAN
from gan_experiments.networks.stylegan2 import StyleGAN2
from gan_experiments.networks.translator import Translator
from gan_experiments.networks.unet import UNet

__all__ = [
    "DCGAN",
    "MLP",
    "SNDCGAN",
    "Autoencoder",
    "BigGAN",
    "CodeDiscriminator",
    "ConditionalGenerator",
    "CycleGAN",
    "Discriminator",
    "Encoder",
    "Generator",
    "Init",
    "Network",
    "Norm",
    "PairDiscriminator",
    "PatchDiscriminator",
    "PatchProjector",
    "ResNet",
    "StyleGAN2",
    "TranslationNetwork",
    "Translator",
    "Trunk",
    "UNet",
]
