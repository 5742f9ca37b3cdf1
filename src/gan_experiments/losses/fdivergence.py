"""f-GAN (Nowozin, Cseke & Tomioka 2016): one variational bound, F(T) = E_P T - E_Q f*(T), for every f-divergence.

V is the discriminator's score and T = g_f(V). `activation` is g_f and `conjugate` is f*(g_f(V)), composed so that
neither overflows where the result does not. All activations increase, so that a large score always means real
(the paper's table prints -exp(v) and 1 - exp(v), which do not).
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from omegaconf import MISSING
from torch import Tensor
from torch.nn.functional import softplus

from gan_experiments.errors import UserError
from gan_experiments.losses.base import Loss


@dataclass
class FDivergence(Loss):
    """The game on F (their equation 6) for one divergence; minus the discriminator's loss bounds it from below.

    trick: the generator maximises E T(G(z)) (their section 3.2), whose gradient does not vanish while the
      discriminator wins; off, it minimises F itself.
    threshold: f'(1), the value of T where a sample is as likely real as generated.
    """

    trick: bool = MISSING

    threshold: ClassVar[float] = 0.0

    @abstractmethod
    def activation(self, scores: Tensor) -> Tensor:
        """T = g_f(V)."""

    @abstractmethod
    def conjugate(self, scores: Tensor) -> Tensor:
        """f*(g_f(V))."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return self.conjugate(fake).mean() - self.activation(real).mean()

    def generator(self, fake: Tensor) -> Tensor:
        return -(self.activation(fake) if self.trick else self.conjugate(fake)).mean()

    def direction_weight(self, scores: Tensor) -> Tensor:
        with torch.enable_grad():
            scores = scores.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.generator(scores) * len(scores), scores)
        return slope.abs()


@dataclass
class TotalVariation(FDivergence):
    """f(u) = |u - 1| / 2."""

    def activation(self, scores: Tensor) -> Tensor:
        return scores.tanh() / 2

    conjugate = activation


@dataclass
class KullbackLeibler(FDivergence):
    """KL(P || Q): f(u) = u log u."""

    threshold = 1.0

    def activation(self, scores: Tensor) -> Tensor:
        return scores

    def conjugate(self, scores: Tensor) -> Tensor:
        return (scores - 1).exp()


@dataclass
class ReverseKullbackLeibler(FDivergence):
    """KL(Q || P): f(u) = -log u."""

    threshold = -1.0

    def activation(self, scores: Tensor) -> Tensor:
        return -(-scores).exp()

    def conjugate(self, scores: Tensor) -> Tensor:
        return scores - 1


@dataclass
class Pearson(FDivergence):
    """Pearson's chi^2: f(u) = (u - 1)^2."""

    def activation(self, scores: Tensor) -> Tensor:
        return scores

    def conjugate(self, scores: Tensor) -> Tensor:
        return scores.square() / 4 + scores

    def direction_weight(self, scores: Tensor) -> Tensor:
        if not self.trick:
            raise UserError(
                "loss=fgan_pearson with loss.trick=false cannot train a SAN: its generator part is not monotone; "
                "leave loss.trick=true"
            )
        return super().direction_weight(scores)


@dataclass
class Neyman(FDivergence):
    """Neyman's chi^2: f(u) = (1 - u)^2 / u."""

    def activation(self, scores: Tensor) -> Tensor:
        return 1 - (-scores).exp()

    def conjugate(self, scores: Tensor) -> Tensor:
        return 2 - 2 * (-scores / 2).exp()


@dataclass
class SquaredHellinger(FDivergence):
    """f(u) = (sqrt(u) - 1)^2."""

    def activation(self, scores: Tensor) -> Tensor:
        return 1 - (-scores).exp()

    def conjugate(self, scores: Tensor) -> Tensor:
        return scores.exp() - 1


@dataclass
class JensenShannon(FDivergence):
    """f(u) = u log u - (u + 1) log((u + 1) / 2), which is twice the Jensen-Shannon divergence."""

    def activation(self, scores: Tensor) -> Tensor:
        return math.log(2) - softplus(-scores)

    def conjugate(self, scores: Tensor) -> Tensor:
        return softplus(scores) - math.log(2)


@dataclass
class GanDivergence(FDivergence):
    """f(u) = u log u - (u + 1) log(u + 1): the GAN's own value, 2 JSD - log 4."""

    threshold = -math.log(2)

    def activation(self, scores: Tensor) -> Tensor:
        return -softplus(-scores)

    def conjugate(self, scores: Tensor) -> Tensor:
        return softplus(scores)
