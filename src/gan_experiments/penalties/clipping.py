"""WGAN's constraint on the critic's weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from omegaconf import MISSING
from torch import nn

from gan_experiments.errors import UserError
from gan_experiments.penalties.base import Penalty


@dataclass
class WeightClipping(Penalty):
    """Arjovsky et al. 2017, algorithm 1: every parameter stays in [-limit, limit], normalisation included."""

    limit: float = MISSING

    def __post_init__(self) -> None:
        if self.limit <= 0:
            raise UserError(f"the limit of weight clipping must be above 0, not {self.limit}")

    @torch.no_grad()
    def constrain(self, critic: nn.Module) -> None:
        for parameter in critic.parameters():
            parameter.clamp_(-self.limit, self.limit)
