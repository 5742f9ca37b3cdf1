"""alpha-GAN, VGH and VGH++: variational inference with adversaries of images and of codes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan_experiments.errors import UserError
from gan_experiments.heads.linear import LinearHead
from gan_experiments.losses import Loss
from gan_experiments.models.autoencoder import Encoding
from gan_experiments.models.base import Phase, Step
from gan_experiments.networks import CodeDiscriminator, Discriminator, Network, Norm
from gan_experiments.types import ImageShape


@dataclass
class AlphaGan(Encoding):
    """alpha-GAN (Rosca et al. 2017, algorithm 1), and VGH and VGH++ (Rosca, Lakshminarayanan & Mohamed 2018).

    The marginals of images and of codes are both matched with density ratios: the discriminator D of images and
    the discriminator C of codes give log r = their logit, so that a network minimises -log D + log(1 - D) = -logit.

    The exact wording of VGH and VGH++ was not at hand. Read here: VGH matches the marginals alone (samples
    against images, codes against the prior); VGH++ adds the reconstruction error, and reconstructions as fakes,
    which is alpha-GAN's objective. The switches make any other reading a matter of settings.

    reconstruction: lambda, weight of the reconstruction error, the mean of |x - G(E(x))| over pixels.
    match_reconstructions: D and G also play over reconstructions. match_codes: C and E play over codes.
    code_width: units in the two hidden layers of C. discriminator_norm: normalisation of D's layers.
    """

    reconstruction: float = MISSING
    match_reconstructions: bool = MISSING
    match_codes: bool = MISSING
    code_width: int = MISSING
    discriminator_norm: Norm = MISSING

    uses_loss = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reconstruction < 0:
            raise UserError(f"model.reconstruction must be 0 or more, not {self.reconstruction}")
        if self.code_width < 1:
            raise UserError(f"model.code_width must be at least 1, not {self.code_width}")
        if not (self.reconstruction or self.match_codes):
            raise UserError("reconstruction=0 and match_codes=false leave nothing to train the encoder")

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.encoder: nn.Module = network.encoder(shape, self.latent_dim, network.generator_norm)
        self.generator: nn.Module = network.generator(self.latent_dim, shape)
        trunk = network.trunk(shape, self.discriminator_norm)
        head = LinearHead(trunk.features, network.linear(self.discriminator_norm))
        self.discriminator: Discriminator = Discriminator(trunk, head)
        networks = {"encoder": self.encoder, "generator": self.generator, "discriminator": self.discriminator}
        if self.match_codes:
            self.code_discriminator: nn.Module = CodeDiscriminator(self.latent_dim, self.code_width)
            networks["code_discriminator"] = self.code_discriminator
        return networks

    def phases(self) -> list[Phase]:
        phases = [
            Phase("encoder", ("encoder",), self.encoder_loss),
            Phase("generator", ("generator",), self.generator_loss, same_batch=True),
            self.adversary("discriminator", self.discriminator_loss),
        ]
        if self.match_codes:
            phases.append(self.adversary("code_discriminator", self.code_discriminator_loss))
        return phases

    def adversary(self, name: str, loss: Callable[[Step], dict[str, Tensor]]) -> Phase:
        return Phase(name, (name,), loss, same_batch=True, rate="discriminator")

    def encoder_loss(self, step: Step) -> dict[str, Tensor]:
        """lambda |x - x^|_1 + [-log C(z^) + log(1 - C(z^))]"""
        codes = self.encoder(step.batch.images)
        step.shared["codes"] = codes.detach()
        losses = {}
        if self.reconstruction:
            losses["reconstruction"] = self.reconstruction_error(self.generator(codes), step)
        if self.match_codes:
            losses["codes"] = -self.code_discriminator(codes).mean()
        return losses

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        """lambda |x - x^|_1 + [-log D(x^) + log(1 - D(x^))] + [-log D(G(z)) + log(1 - D(G(z)))]"""
        samples = self.generator(self.latents(step.noise, step.batch_size))
        step.shared["samples"] = samples.detach()
        losses = {"samples": -self.discriminator(samples).mean()}
        if self.reconstruction or self.match_reconstructions:
            decoded = self.generator(step.shared["codes"])
            step.shared["decoded"] = decoded.detach()
        if self.reconstruction:
            losses["reconstruction"] = self.reconstruction_error(decoded, step)
        if self.match_reconstructions:
            losses["decoded"] = -self.discriminator(decoded).mean()
        return losses

    def discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        """-log D(x) - log(1 - D(x^)) - log(1 - D(G(z)))"""
        real, samples = self.discriminator(step.batch.images), self.discriminator(step.shared["samples"])
        step.log("score/real", real.mean())
        step.log("score/fake", samples.mean())
        losses = {"real": softplus(-real).mean(), "samples": softplus(samples).mean()}
        if self.match_reconstructions:
            losses["decoded"] = softplus(self.discriminator(step.shared["decoded"])).mean()
        return losses

    def code_discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        """-log C(z) - log(1 - C(z^))"""
        prior = self.code_discriminator(self.latents(step.noise, step.batch_size))
        codes = self.code_discriminator(step.shared["codes"])
        return {"prior": softplus(-prior).mean(), "codes": softplus(codes).mean()}

    def reconstruction_error(self, decoded: Tensor, step: Step) -> Tensor:
        return self.reconstruction * (decoded - step.batch.images).abs().mean()

    def scores(self, images: Tensor) -> Tensor:
        result: Tensor = self.discriminator(images)
        return result
