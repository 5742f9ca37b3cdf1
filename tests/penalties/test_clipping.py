from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_experiments.errors import UserError
from gan_experiments.noise import Noise
from gan_experiments.penalties import WeightClipping


def test_every_parameter_stays_within_the_limit_also_of_normalisation() -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    before = [parameter.detach().clone() for parameter in critic.parameters()]
    WeightClipping(0.1).constrain(critic)
    after = list(critic.parameters())
    assert max(parameter.abs().max().item() for parameter in after) == pytest.approx(0.1)
    for old, new in zip(before, after, strict=True):
        assert torch.equal(new, old.clamp(-0.1, 0.1))
    assert (critic[1].weight == 0.1).all()  # batch norm's scale was 1


def test_clipping_has_no_loss() -> None:
    images = torch.zeros(2, 1, 4, 4)
    noise = Noise(0, torch.device("cpu"))
    assert WeightClipping(0.01).loss(lambda x: x.sum((1, 2, 3)), images, images, noise) is None


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(UserError, match="limit of weight clipping must be above 0"):
        WeightClipping(0.0)
