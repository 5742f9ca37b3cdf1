"""The whole of a run's settings, typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

from omegaconf import MISSING

from gan_experiments.errors import UserError


@dataclass
class Train:
    """How long a run trains and how often it reports; every count is in generator updates."""

    steps: int = MISSING
    batch_size: int = MISSING  # global: over all devices
    log_every: int = MISSING
    sample_every: int = MISSING
    checkpoint_every: int = MISSING
    evaluate_every: int = MISSING
    ema: float = MISSING  # decay of the generator's moving average; 0 turns it off
    keep_checkpoints: int = MISSING  # step checkpoints kept besides last and best

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch_size",
            "log_every",
            "sample_every",
            "checkpoint_every",
            "evaluate_every",
        ):
            if getattr(self, name) < 1:
                raise UserError(f"train.{name} must be at least 1, not {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise UserError(f"train.ema must be in [0, 1), not {self.ema}")
        if self.keep_checkpoints < 0:
            raise UserError(f"train.keep_checkpoints must be 0 or more, not {self.keep_checkpoints}")


@dataclass
class Paths:
    """Where data is read from and results are written to."""

    data: str = MISSING
    outputs: str = MISSING


@dataclass
class Config:
    """One run; `conf/train.yaml` gives the values."""

    model: Any = MISSING
    network: Any = MISSING
    loss: Any = MISSING
    optim: Any = MISSING
    data: Any = MISSING
    metrics: Any = None
    gpu: Any = MISSING
    train: Train = MISSING
    paths: Paths = MISSING
    seed: int = 0
    resume: Optional[str] = None  # noqa: UP045  (OmegaConf reads annotations at run time on Python 3.10)
    sweep: Optional[str] = None  # noqa: UP045
