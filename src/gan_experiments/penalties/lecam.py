"""LeCam regularisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments import parallel
from gan_experiments.errors import UserError
from gan_experiments.noise import Noise
from gan_experiments.penalties.base import Critic, WeightedTerm


@dataclass
class LeCam(WeightedTerm):
    """Tseng et al., CVPR 2021, equation 3: each side's scores stay near the running mean of the other side's.

    mean (f(x) - a_fake)^2 + mean (f(G(z)) - a_real)^2, for training on few images. decay: of the running means,
    which start at the first batch's.
    """

    decay: float = MISSING

    differentiates_input = False
    takes_whole_batches = True  # its running means move once a batch

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.decay < 1:
            raise UserError(f"a LeCam penalty's decay must be in [0, 1), not {self.decay}")
        self.means: Tensor | None = None

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, noise: Noise) -> Tensor:
        scores = critic(real), critic(fake)
        now = torch.stack([side.detach().mean() for side in scores])
        now = parallel.all_sum(now) / parallel.world_size()
        if self.means is None:
            self.means = now.clone()
        else:  # in place: a recorded iteration reads it there
            self.means = self.means.to(now.device)
            self.means.copy_(torch.lerp(now, self.means, self.decay))
        return (scores[0] - self.means[1]).square().mean() + (scores[1] - self.means[0]).square().mean()

    def state(self) -> dict[str, Any]:
        return {} if self.means is None else {"means": self.means.clone()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.means = state.get("means")
