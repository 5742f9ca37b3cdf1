from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gan_experiments.errors import UserError
from gan_experiments.training.optim import Adam, RMSprop, Schedule, Sgd


def adam(**changes: Any) -> Adam:
    settings: dict[str, Any] = {
        "lr": 2e-4, "discriminator_lr": None, "schedule": Schedule.constant, "decay_start": 0.0,
        "final_factor": 0.0, "beta1": 0.5, "beta2": 0.999, "eps": 1e-8,
    }  # fmt: skip
    return Adam(**{**settings, **changes})


@pytest.mark.parametrize(
    ("schedule", "start", "final", "progress", "factor"),
    [
        (Schedule.constant, 0.0, 0.0, 0.9, 1.0),
        (Schedule.linear, 0.0, 0.0, 0.0, 1.0),
        (Schedule.linear, 0.0, 0.0, 0.25, 0.75),
        (Schedule.linear, 0.5, 0.0, 0.5, 1.0),
        (Schedule.linear, 0.5, 0.2, 0.75, 0.6),
        (Schedule.linear, 0.5, 0.2, 1.0, 0.2),
        (Schedule.exponential, 0.0, 0.01, 0.5, 0.1),
        (Schedule.exponential, 0.5, 0.01, 1.0, 0.01),
    ],
)
def test_schedules(schedule: Schedule, start: float, final: float, progress: float, factor: float) -> None:
    optim = adam(schedule=schedule, decay_start=start, final_factor=final)
    assert optim.learning_rate("generator", progress) == pytest.approx(2e-4 * factor)


def test_two_time_scales() -> None:
    optim = adam(discriminator_lr=4e-4)
    assert optim.learning_rate("discriminator", 0.0) == 4e-4
    assert optim.learning_rate("generator", 0.0) == 2e-4


def test_builds_the_named_optimisers() -> None:
    weight = [nn.Parameter(torch.zeros(1))]
    common = (1e-3, None, Schedule.constant, 0.0, 0.0)
    built = adam().build(weight)
    assert isinstance(built, torch.optim.Adam)
    assert built.defaults["betas"] == (0.5, 0.999)
    assert isinstance(RMSprop(*common, alpha=0.9, eps=1e-8).build(weight), torch.optim.RMSprop)
    assert Sgd(*common, momentum=0.5).build(weight).defaults["momentum"] == 0.5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": -1.0}, "optim.lr must be > 0"),
        ({"discriminator_lr": 0.0}, "optim.discriminator_lr must be > 0"),
        ({"beta1": 1.0}, r"optim.beta1 must be in \[0, 1\)"),
        ({"decay_start": 1.0}, "optim.decay_start"),
        ({"final_factor": 2.0}, "optim.final_factor"),
        ({"schedule": Schedule.exponential}, "needs optim.final_factor > 0"),
    ],
)
def test_refuses_values_that_make_no_sense(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        adam(**change)
