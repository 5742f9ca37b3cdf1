from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_experiments.errors import UserError


def test_modes_of_real_points_and_of_a_collapsed_generator(compose: Any) -> None:
    config, _ = compose("data=ring", "metrics=modes", "metrics.samples=1000", "data.samples=2000")
    real = config.data.load("train", Path("nowhere"))
    held_out = config.data.load("test", Path("nowhere"))
    evaluator = config.metrics.evaluator(real, torch.device("cpu"), held_out)
    perfect = evaluator(lambda count: torch.from_numpy(real.images[:count]))
    assert perfect.values["modes"] == 8
    assert perfect.values["high_quality"] == pytest.approx(1 - math.exp(-4.5), abs=0.01)
    assert perfect.values["reverse_kl"] == pytest.approx(0, abs=0.02)
    assert perfect.floor["modes"] == 8
    assert perfect.protocol == {"generated": 1000, "modes": 8, "reach": pytest.approx(0.03)}
    one = evaluator(lambda count: torch.tensor([1.0, 0.0]).view(1, 2, 1, 1).expand(count, 2, 1, 1))
    assert one.values == {"modes": 1, "high_quality": 1.0, "reverse_kl": pytest.approx(math.log(8))}


def test_images_have_no_known_modes(compose: Any) -> None:
    config, _ = compose("data=digits", "metrics=modes")
    real = config.data.load("test", Path("nowhere"))
    with pytest.raises(UserError, match="data whose modes are known"):
        config.metrics.evaluator(real, torch.device("cpu"))
