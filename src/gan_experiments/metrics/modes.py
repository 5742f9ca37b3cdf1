"""Modes of mixtures that are known (VEEGAN, Srivastava et al. 2017; PacGAN, Lin et al. 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments.data import PointSet
from gan_experiments.errors import UserError
from gan_experiments.metrics.base import Evaluation, Evaluator, Images, Metrics, SampleStream
from gan_experiments.metrics.planar import captured


@dataclass
class ModeMetrics(Metrics):
    """Modes captured, the share of samples of high quality, and the KL of their histogram to the uniform one."""

    samples: int = MISSING  # generated points per evaluation

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UserError(f"metrics.samples must be at least 1, not {self.samples}")

    def check(self, paths_data: Path) -> None:
        pass

    def evaluator(
        self,
        real: Images,
        device: torch.device,
        held_out: Images | None = None,
        paths_data: Path | None = None,
    ) -> Evaluator:
        if not isinstance(real, PointSet):
            raise UserError(
                "metrics=modes needs data whose modes are known, for example data=ring or data=grid"
            )
        centres, reach = torch.from_numpy(real.centres), real.reach
        protocol = {"generated": self.samples, "modes": len(centres), "reach": reach}

        def figures(points: Tensor) -> dict[str, float]:
            counts = captured(points.flatten(1).cpu(), centres, reach, within=1.0)
            return {
                "modes": counts.captured,
                "high_quality": counts.high_quality,
                "reverse_kl": counts.reverse_kl,
            }

        floor = (
            {}
            if held_out is None
            else figures(torch.from_numpy(*held_out.pieces(np.arange(min(self.samples, len(held_out))))))
        )

        def evaluate(sample: SampleStream) -> Evaluation:
            made = sample(self.samples)
            return Evaluation(figures(made[0] if isinstance(made, tuple) else made), protocol, floor)

        return evaluate

    @property
    def best(self) -> str | None:
        return "reverse_kl"
