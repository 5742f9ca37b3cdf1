"""BEGAN: an autoencoding discriminator, and a controller that keeps the two players in balance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments import parallel
from gan_experiments.errors import UserError
from gan_experiments.models.base import Phase, Step
from gan_experiments.models.ebgan import AutoencodingGan
from gan_experiments.networks import Discriminator, Generator, Network
from gan_experiments.types import ImageShape


@dataclass
class Began(AutoencodingGan):
    """Boundary equilibrium GAN (Berthelot, Schumm & Metz 2017).

    The energy L(v) = mean |v - D(v)|^eta over pixels is trained so that E L(G(z)) = gamma E L(x).

    gamma: diversity ratio, in (0, 1]; lower gives sharper and less diverse images. eta: 1 or 2.
    balance_rate: lambda_k, the step of the controller k, which stays in [0, 1] and starts at 0.
    """

    gamma: float = MISSING
    eta: float = MISSING
    balance_rate: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.gamma <= 1:
            raise UserError(f"model.gamma must be in (0, 1], not {self.gamma}")
        if self.eta not in (1, 2):
            raise UserError(f"model.eta must be 1 or 2, not {self.eta}")
        self.k = torch.zeros(())

    def takes_whole_batches(self) -> bool:
        return True

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        """Without a tanh on D's output, as in the paper: L1 would saturate it where most pixels are black."""
        discriminator = super().build_discriminator(network, shape)
        assert isinstance(discriminator.head, Generator)
        discriminator.head.bounded = False
        return discriminator

    def energy(self, residuals: Tensor) -> Tensor:
        return residuals.abs().pow(self.eta).mean(1)

    def generator_phase(self) -> Phase:
        return replace(super().generator_phase(), after=self.move_balance)

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        """L_D = L(x) - k L(G(z_D))."""
        scores_real, scores_fake = self.paired(self.discriminator, real, fake)
        self.log_scores(step, scores_real, scores_fake)
        self.energy_real = parallel.gather(-scores_real.detach()).mean()
        return {"energy": -scores_real.mean(), "balance": self.k * scores_fake.mean()}

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        """L_G = L(G(z_G)), and the measure of convergence M = L(x) + |gamma L(x) - L(G(z_G))|."""
        scores = self.discriminator(self.fakes(step))
        energy_fake = parallel.gather(-scores.detach()).mean()
        self.imbalance = self.gamma * self.energy_real - energy_fake
        step.log("score/convergence", self.energy_real + self.imbalance.abs())
        return {"energy": -scores.mean()}

    def move_balance(self) -> None:
        """k_{t+1} = clip(k_t + lambda_k (gamma L(x) - L(G(z_G))), 0, 1)."""
        moved = (self.k + self.balance_rate * self.imbalance).clamp(0, 1)
        self.k = self.k.to(moved.device)
        self.k.copy_(moved)  # in place: a recorded iteration reads it there

    def state(self) -> dict[str, Any]:
        return {**super().state(), "k": self.k.clone()}

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)
        self.k = state["k"]
