"""The whole of a run's settings, typed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Optional

from omegaconf import MISSING

from gan_experiments.errors import UserError


@dataclass(frozen=True)
class Length:
    """Of a run: `steps` generator updates, or as many as it takes to see `images` real images."""

    steps: int
    images: int | None = None

    @property
    def setting(self) -> str:
        """As it is typed."""
        return f"train.steps={self.steps}" if self.images is None else f"train.images={self.images}"

    def progress(self, step: int, images_seen: int) -> float:
        """The share done, in [0, 1]."""
        return min(step / self.steps if self.images is None else images_seen / self.images, 1.0)

    def last_step(self, step: int, images_seen: int) -> int | None:
        """The step at which the run will end; None where that is not known before the first."""
        if self.images is None:
            return self.steps
        return math.ceil(self.images * step / images_seen) if images_seen else None


@dataclass
class Train:
    """How long a run trains and how often it reports; counts are in generator updates but for `images`.

    `images`: stop after this many real images instead of after `steps`. `accumulate`: compute a batch in this many equal
    parts, one after the other, whose gradients add up: what the networks keep for the backward pass is that of a part.
    """

    steps: int = MISSING
    batch_size: int = MISSING  # global: over all devices
    log_every: int = MISSING
    sample_every: int = MISSING
    checkpoint_every: int = MISSING
    evaluate_every: int = MISSING
    ema: float = MISSING  # decay of the generator's moving average; 0 turns it off
    keep_checkpoints: int = MISSING  # step checkpoints kept besides last and best
    images: Optional[int] = None  # noqa: UP045  (OmegaConf reads annotations at run time on Python 3.10)
    accumulate: int = 1

    @property
    def length(self) -> Length:
        return Length(self.steps, self.images)

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch_size",
            "log_every",
            "sample_every",
            "checkpoint_every",
            "evaluate_every",
            "accumulate",
        ):
            if getattr(self, name) < 1:
                raise UserError(f"train.{name} must be at least 1, not {getattr(self, name)}")
        if self.images is not None and self.images < 1:
            raise UserError(f"train.images must be at least 1, not {self.images}")
        if not 0 <= self.ema < 1:
            raise UserError(f"train.ema must be in [0, 1), not {self.ema}")
        if self.keep_checkpoints < 0:
            raise UserError(f"train.keep_checkpoints must be 0 or more, not {self.keep_checkpoints}")


@dataclass
class Init:
    """The run whose weights a new one begins with: `checkpoint` is its folder or a checkpoint file.

    networks: those that are taken; None for all that both have. freeze: layers of the discriminator, from the image on,
    that keep these weights (Mo et al. 2020).
    """

    checkpoint: Optional[str] = None  # noqa: UP045
    networks: Optional[list[str]] = None  # noqa: UP045
    freeze: int = 0

    def __post_init__(self) -> None:
        if self.checkpoint == "":
            raise UserError("init has no value; give it as init=RUN")
        if self.freeze < 0:
            raise UserError(f"init.freeze must be 0 or more, not {self.freeze}")
        if self.checkpoint is None and (self.freeze or self.networks is not None):
            raise UserError(
                "init.freeze and init.networks are about weights of another run: init=RUN says which"
            )


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
    logger: dict[str, Any] = field(default_factory=dict)  # by their options
    train: Train = MISSING
    paths: Paths = MISSING
    init: Init = field(default_factory=Init)
    seed: int = 0
    resume: Optional[str] = None  # noqa: UP045
    sweep: Optional[str] = None  # noqa: UP045
