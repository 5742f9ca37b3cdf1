"""MMD-GAN: the discriminator maps images to codes, and the two players fight over the codes' MMD."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments import parallel
from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.losses.mmd import Kernel, biased_mmd2, gaussian, witness
from gan_experiments.models.base import Phase, Step
from gan_experiments.models.gan import Gan
from gan_experiments.networks import Network
from gan_experiments.networks.layers import LinearLayer, full_precision
from gan_experiments.penalties.base import Critic
from gan_experiments.types import ImageShape


class Codes(nn.Linear):
    """Features (n, features) to codes (n, code_dim), float32, as every discriminator's last layer is."""

    def forward(self, input: Tensor) -> Tensor:
        with full_precision(input):
            return super().forward(input)


@dataclass
class CodeGan(Gan):
    """What both MMD-GANs share: a discriminator h whose scores are vectors of `code_dim` numbers, compared by a kernel.

    Its real-valued score of an image, for penalties and figures, is the witness function of the current batch.
    """

    code_dim: int = MISSING
    head: Any = None  # the method makes the last layer itself

    uses_loss = False
    has_head = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code_dim < 1:
            raise UserError(f"model.code_dim must be at least 1, not {self.code_dim}")
        self.reference: tuple[Tensor, Tensor] | None = None

    @property
    def kernel(self) -> Kernel:
        raise NotImplementedError

    def takes_whole_batches(self) -> bool:
        return True

    def build_head(self, features: int, classes: int, linear: LinearLayer) -> nn.Module:
        return Codes(features, self.code_dim)

    def codes(self, step: Step, *features: Tensor) -> tuple[Tensor, Tensor]:
        """The codes of real and fake features, of all ranks: the MMD is no mean over samples."""
        codes_real, codes_fake = (parallel.gather(self.discriminator.head(part)) for part in features)
        self.reference = codes_real.detach(), codes_fake.detach()
        step.shared.update(codes_real=codes_real, codes_fake=codes_fake)
        return codes_real, codes_fake

    def generator_codes(self, step: Step) -> tuple[Tensor, Tensor]:
        """The codes of fresh real images and of the fakes that the generator improves."""
        with torch.no_grad():
            real = self.discriminator(self.presented(step.batch.images, step))
        return parallel.gather(real), parallel.gather(self.discriminator(self.fakes(step)))

    def critic(self, step: Step) -> Critic:
        real, fake = step.shared["codes_real"], step.shared["codes_fake"]
        return lambda images: witness(self.kernel, self.discriminator(images), real, fake)

    def scores(self, images: Tensor) -> Tensor | None:
        codes = self.reference
        return (
            None if codes is None else witness(self.kernel, self.discriminator(self.packed(images)), *codes)
        )


@dataclass
class MmdGan(CodeGan):
    """MMD-GAN of Li et al., NeurIPS 2017: Gaussian kernels, a clipped encoder that a decoder keeps injective.

    bandwidths: of the Gaussian kernels that are added up. rank_weight: of the one-sided term that wants the
    mean code of real images above that of generated ones in every coordinate. reconstruction_weight: of the
    squared error of decoding real and generated codes. The released code's 100 critic steps in the first 25
    iterations are left out.
    """

    bandwidths: list[float] = MISSING
    rank_weight: float = MISSING
    reconstruction_weight: float = MISSING

    @property
    def kernel(self) -> Kernel:
        return partial(gaussian, bandwidths=self.bandwidths)

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        networks = super().build(network, loss, shape)
        self.decoder = network.generator(self.code_dim, self.packed_shape(shape))
        return {**networks, "decoder": self.decoder}

    def discriminator_phase(self) -> Phase:
        return replace(super().discriminator_phase(), updates=("discriminator", "decoder"))

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        features = self.paired(self.discriminator.features, real, fake)
        codes_real, codes_fake = self.codes(step, *features)
        share = parallel.local_slice(len(codes_real))
        errors = [
            (self.decoder(codes[share]) - images).square().mean()
            for codes, images in ((codes_real, real), (codes_fake, fake))
        ]
        game = self.game(codes_real, codes_fake)
        return {name: -value for name, value in game.items()} | {
            "reconstruction": self.reconstruction_weight * (errors[0] + errors[1])
        }

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        return self.game(*self.generator_codes(step))

    def game(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """What the generator minimises and the encoder maximises, on codes (n, code_dim)."""
        mmd2 = biased_mmd2(self.kernel, real, fake)
        order = -torch.relu(fake.mean(0) - real.mean(0)).mean()
        # The square root has no finite slope at 0.
        return {"mmd": mmd2.clamp(min=1e-12).sqrt(), "rank": self.rank_weight * order}
