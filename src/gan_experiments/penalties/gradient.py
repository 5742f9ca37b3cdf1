"""Penalties on the gradient of the discriminator's score with respect to its input."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments import parallel
from gan_experiments.noise import Noise
from gan_experiments.penalties.base import Critic, WeightedTerm
from gan_experiments.penalties.twice import gradient_in


def input_gradient(critic: Critic, points: Tensor) -> Tensor:
    """The gradient of each sample's score, shape (n, dims), itself differentiable; the points are constants."""
    points = points.detach()
    if points.dtype != torch.float64:
        points = points.float()
    return gradient_at(critic, points.requires_grad_())


def gradient_at(critic: Critic, points: Tensor) -> Tensor:
    """As `input_gradient`, at points that require gradients: differentiable through the points as well.

    In full precision also under autocast: squares of small gradients are lost in 16 bits.
    """
    with torch.autocast(points.device.type, enabled=False):
        return gradient_in(critic, points).flatten(1)


@dataclass
class GradientPenalty(WeightedTerm):
    """WGAN-GP, Gulrajani et al. 2017, equation 3: mean (||grad f(x)||_2 - target)^2 between real and fake."""

    target: float = MISSING

    def points(self, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        """One point on the line between each real image and its fake, uniformly distributed."""
        share = noise.uniform(len(real), *[1] * (real.ndim - 1)).to(real.dtype)
        return fake + share * (real - fake)

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        gradient = input_gradient(critic, self.points(real.detach(), fake.detach(), noise))
        return (self.norm(gradient) - self.target).square().mean()

    def norm(self, gradient: Tensor) -> Tensor:
        """Of each row of (n, dims)."""
        norms: Tensor = torch.linalg.vector_norm(gradient, dim=1)
        return norms


@dataclass
class RmsGradientPenalty(GradientPenalty):
    """The same of the gradient's root mean square over pixels, as Dist-GAN's code has it (Tran et al. 2018)."""

    def norm(self, gradient: Tensor) -> Tensor:
        return super().norm(gradient) / math.sqrt(gradient.shape[1])


@dataclass
class Dragan(GradientPenalty):
    """DRAGAN, Kodali et al. 2017: the gradient penalty around the real images.

    They are moved by uniform noise as wide as the batch's standard deviation, and stay in [-1, 1].
    """

    takes_whole_batches = True

    def points(self, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        mean = parallel.all_sum(real.mean()) / parallel.world_size()
        variance = parallel.all_sum((real - mean).square().mean()) / parallel.world_size()
        shift = noise.uniform(*real.shape).to(real.dtype) - 0.5
        limit = real.abs().amax().clamp(min=1)  # points may lie outside
        return (real + variance.sqrt() * shift).clamp(-limit, limit)


@dataclass
class R1(WeightedTerm):
    """Mescheder et al. 2018, equation 9: mean ||grad f(x)||^2 on real images; `weight` is gamma / 2."""

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        return input_gradient(critic, real).square().sum(1).mean()


@dataclass
class R2(WeightedTerm):
    """Mescheder et al. 2018, equation 10: R1 on generated images; `weight` is gamma / 2."""

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        return input_gradient(critic, fake).square().sum(1).mean()
