"""The methods: one file each, reading like its paper."""

from gan_experiments.models.aae import Aae
from gan_experiments.models.base import Model, Phase, Prior, Step
from gan_experiments.models.gan import Gan
from gan_experiments.models.san import San
from gan_experiments.models.vae import Vae

__all__ = [
    "Aae",
    "Gan",
    "Model",
    "Phase",
    "Prior",
    "San",
    "Step",
    "Vae",
]
