"""What methods with an encoder share: encoding, reconstructing, and the Gaussian posterior of a VAE."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gan_experiments.models.base import LatentModel
from gan_experiments.noise import Noise
from gan_experiments.types import Inputs


class Encoding(LatentModel):
    """A method with an encoder E, from images to latents, beside its generator G."""

    standing = ("generator",)  # it decodes codes as well

    def averaged(self) -> tuple[str, ...]:
        return ("encoder", "generator")

    def encode(self, networks: dict[str, nn.Module], images: Tensor) -> Inputs:
        """The latents (n, latent_dim) of images (n, c, h, w) in [-1, 1], without noise."""
        return Inputs(networks["encoder"](images))

    def panels(
        self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = ""
    ) -> dict[str, Tensor]:
        assert inputs.images is not None
        codes = self.encode(networks, inputs.images)
        return {"image": inputs.images, "reconstruction": self.sample(networks, codes)}


class GaussianEncoding(Encoding):
    """An encoder that gives the 2 x latent_dim parameters of q(z|x) = N(mean, diag(exp(log_variance)))."""

    def encode(self, networks: dict[str, nn.Module], images: Tensor) -> Inputs:
        """The posterior means (n, latent_dim) of images (n, c, h, w) in [-1, 1]."""
        return Inputs(posterior(networks["encoder"](images))[0])


def posterior(parameters: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log variance, each (n, latent_dim), from an encoder's output."""
    mean, log_variance = parameters.chunk(2, dim=1)
    return mean, log_variance


def draw(mean: Tensor, log_variance: Tensor, noise: Noise) -> Tensor:
    """A reparametrised draw from N(mean, exp(log_variance)) (Kingma & Welling 2014, section 2.4)."""
    return mean + torch.exp(log_variance / 2) * noise.normal(*mean.shape)


def divergence_from_prior(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, I)) per sample, shape (n,) (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)


def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """|x - y|^2 summed over each sample's dimensions, averaged over the batch."""
    return (x - y).square().flatten(1).sum(1).mean()
