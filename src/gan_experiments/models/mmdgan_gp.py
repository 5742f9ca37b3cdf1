"""MMD-GAN with a gradient penalty in place of clipping and decoder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments.losses.mmd import Kernel, rational_quadratic, unbiased_mmd2
from gan_experiments.models.base import Step
from gan_experiments.models.mmdgan import CodeGan


@dataclass
class MmdGanGp(CodeGan):
    """MMD-GAN of Binkowski et al., ICLR 2018: the unbiased MMD^2 under rq*, a gradient penalty on the witness.

    alphas: of the rational quadratic kernels. activation_weight: of the mean squares of features and codes,
    which keep the linear part of the kernel bounded (the authors' code takes all layers).
    """

    alphas: list[float] = MISSING
    activation_weight: float = MISSING

    @property
    def kernel(self) -> Kernel:
        return partial(rational_quadratic, alphas=self.alphas)

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        features = self.paired(self.discriminator.features, real, fake)
        codes = self.codes(step, *features)
        squares = [part.square().mean() for part in (*features, *codes)]
        return {
            "mmd": -unbiased_mmd2(self.kernel, *codes),
            "activations": self.activation_weight * torch.stack(squares).mean(),
        }

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        return {"mmd": unbiased_mmd2(self.kernel, *self.generator_codes(step))}
