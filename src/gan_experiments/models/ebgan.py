"""EBGAN: the discriminator is an autoencoder, and its reconstruction error an energy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import MISSING
from torch import Tensor
from torch.nn.functional import normalize, relu

from gan_experiments import parallel
from gan_experiments.errors import UserError
from gan_experiments.losses.precision import in_float32
from gan_experiments.models.base import Step
from gan_experiments.models.gan import Gan
from gan_experiments.networks import Autoencoder, Discriminator, Network
from gan_experiments.types import ImageShape


@dataclass
class AutoencodingGan(Gan):
    """What EBGAN and BEGAN share: D(x) = Dec(Enc(x)), both of the network's family; the score is minus the energy.

    code_dim: size of D's codes.
    """

    code_dim: int = MISSING
    head: Any = None  # the method makes the last layer itself

    uses_loss = False
    has_head = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code_dim < 1:
            raise UserError(f"model.code_dim must be at least 1, not {self.code_dim}")

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        encoder = network.encoder(shape, self.code_dim, self.discriminator_norm)
        decoder = network.decoder(self.code_dim, shape, self.discriminator_norm)
        return Autoencoder(encoder, decoder, self.energy)

    def energy(self, residuals: Tensor) -> Tensor:
        """Energies (n,) from residuals D(x) - x (n, dims)."""
        raise NotImplementedError


@dataclass
class Ebgan(AutoencodingGan):
    """Energy-based GAN (Zhao, Mathieu & LeCun, ICLR 2017), with or without the pulling-away term (EBGAN-PT).

    The energy is the Euclidean distance |D(x) - x| of whole images in [-1, 1]: with MNIST's 784 pixels from 0 to
    56, and about 18 between two digits. The margin is in the same units.

    margin: m, up to which D raises the energy of generated images. pulling_away: weight of the pulling-away term.
    """

    margin: float = MISSING
    pulling_away: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.margin <= 0 or self.pulling_away < 0:
            raise UserError("model.margin must be above 0, and model.pulling_away 0 or more")

    def takes_whole_batches(self) -> bool:
        return self.pulling_away > 0 or super().takes_whole_batches()

    def energy(self, residuals: Tensor) -> Tensor:
        energies: Tensor = torch.linalg.vector_norm(residuals, dim=1)
        return energies

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        """Equation 1: low energy for real images, at least the margin for generated ones."""
        scores_real, scores_fake = self.paired(self.discriminator, real, fake)
        self.log_scores(step, scores_real, scores_fake)
        return {"energy": -scores_real.mean(), "margin": relu(self.margin + scores_fake).mean()}

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        """Equation 2: low energy for generated images; equation 4: codes that stand at right angles."""
        fake = self.fakes(step)
        losses = {"energy": -self.discriminator(fake).mean()}
        if self.pulling_away > 0:
            codes = parallel.gather(self.discriminator.features(fake))
            losses["pulling_away"] = self.pulling_away * mean_squared_cosine(codes)
        return losses


@in_float32
def mean_squared_cosine(codes: Tensor) -> Tensor:
    """The pulling-away term (Zhao et al. 2017, equation 4), in [0, 1], over all pairs i != j of codes (n, d)."""
    codes = normalize(codes, dim=1)
    squares = (codes @ codes.T).square()
    n = len(codes)
    return (squares.sum() - squares.diagonal().sum()) / (n * (n - 1))
