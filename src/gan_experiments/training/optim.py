"""Optimisers and learning-rate schedules as settings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Optional

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.errors import UserError


class Schedule(Enum):
    constant = "constant"
    linear = "linear"
    exponential = "exponential"


@dataclass
class Optim:
    """Base of the optimisers.

    lr: learning rate. discriminator_lr: the discriminator's own (TTUR, Heusel et al. 2017); null for the same.
    schedule: constant until the share `decay_start` of the run, then linear or exponential down to
      `final_factor` times the learning rate at its end (exponential needs a factor above 0).
    """

    lr: float = MISSING
    discriminator_lr: Optional[float] = MISSING  # noqa: UP045
    schedule: Schedule = MISSING
    decay_start: float = MISSING
    final_factor: float = MISSING

    def __post_init__(self) -> None:
        for name in ("lr", "discriminator_lr"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise UserError(f"optim.{name} must be > 0, not {value}")
        if not 0 <= self.decay_start < 1:
            raise UserError(f"optim.decay_start must be in [0, 1), not {self.decay_start}")
        if not 0 <= self.final_factor <= 1:
            raise UserError(f"optim.final_factor must be in [0, 1], not {self.final_factor}")
        if self.schedule is Schedule.exponential and self.final_factor == 0:
            raise UserError("optim.schedule=exponential needs optim.final_factor > 0, for example 0.1")

    def learning_rate(self, rate: str, progress: float) -> float:
        """The "generator"'s or the "discriminator"'s when the share `progress` of the run, in [0, 1], is done."""
        base = self.lr
        if rate == "discriminator" and self.discriminator_lr is not None:
            base = self.discriminator_lr
        decayed = max(0.0, (progress - self.decay_start) / (1 - self.decay_start))
        if self.schedule is Schedule.linear:
            return base * (1 + decayed * (self.final_factor - 1))
        if self.schedule is Schedule.exponential:
            return base * math.exp(decayed * math.log(self.final_factor))
        return base

    def build(self, parameters: Sequence[nn.Parameter], recorded: bool = False) -> torch.optim.Optimizer:
        """`recorded`: its steps become part of CUDA graphs, and its learning rate is a tensor on the device."""
        raise NotImplementedError

    def rate(self, parameters: Sequence[nn.Parameter], recorded: bool) -> float | Tensor:
        """What an optimiser is given as its learning rate at first."""
        return torch.tensor(self.lr, device=parameters[0].device) if recorded else self.lr


def _in_unit_interval(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value < 1:
            raise UserError(f"optim.{name} must be in [0, 1), not {value}")


@dataclass
class Adam(Optim):
    """Adam (Kingma & Ba 2015)."""

    beta1: float = MISSING
    beta2: float = MISSING
    eps: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        _in_unit_interval(beta1=self.beta1, beta2=self.beta2)

    def build(self, parameters: Sequence[nn.Parameter], recorded: bool = False) -> torch.optim.Optimizer:
        betas = (self.beta1, self.beta2)
        rate = self.rate(parameters, recorded)
        return torch.optim.Adam(
            parameters, lr=rate, betas=betas, eps=self.eps, fused=True, capturable=recorded
        )


@dataclass
class RMSprop(Optim):
    """RMSProp (Tieleman & Hinton 2012), WGAN's optimiser."""

    alpha: float = MISSING
    eps: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        _in_unit_interval(alpha=self.alpha)

    def build(self, parameters: Sequence[nn.Parameter], recorded: bool = False) -> torch.optim.Optimizer:
        rate = self.rate(parameters, recorded)
        return torch.optim.RMSprop(parameters, lr=rate, alpha=self.alpha, eps=self.eps, capturable=recorded)


@dataclass
class Sgd(Optim):
    """Stochastic gradient descent with momentum, Goodfellow et al.'s (2014) optimiser."""

    momentum: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        _in_unit_interval(momentum=self.momentum)

    def build(self, parameters: Sequence[nn.Parameter], recorded: bool = False) -> torch.optim.Optimizer:
        rate = self.rate(parameters, recorded)
        return torch.optim.SGD(parameters, lr=rate, momentum=self.momentum, fused=recorded or None)
