"""Statistics of the network that is sampled: of the prior's images, not of the codes'."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from gan_experiments.models import LatentModel, Phase, Prior
from gan_experiments.networks.layers import BatchNorm
from gan_experiments.training.standing import Standing
from gan_experiments.types import Inputs

CPU = torch.device("cpu")


class Far(LatentModel):
    """A generator whose running statistics come from codes far from its prior."""

    standing = ("generator",)

    def __init__(self) -> None:
        self.latent_dim, self.prior = 3, Prior.normal

    def build(self, *_: Any) -> dict[str, nn.Module]:
        return {}

    def phases(self) -> list[Phase]:
        return []


def far(compose: Any) -> tuple[Standing, nn.Module]:
    config, _ = compose()
    norm = BatchNorm(3)
    generator = nn.Sequential(norm).train()
    for _ in range(200):
        generator(50 + 9 * torch.randn(64, 3))  # the codes
    generator.eval()
    return Standing(Far(), {"generator": generator}, config.gpu, CPU, seed=0), generator


def test_statistics_are_those_of_the_prior(compose: Any) -> None:
    standing, generator = far(compose)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    standing.update()
    layer = standing.networks["generator"][0]
    assert layer.running_mean.abs().max() < 0.05
    torch.testing.assert_close(layer.running_var, torch.ones(3), atol=0.15, rtol=0)
    inputs = Inputs(torch.randn(1000, 3))
    moved = Far().sample({"generator": generator}, inputs)
    samples = Far().sample(standing.networks, inputs)
    assert moved.mean() < -4
    assert abs(float(samples.mean())) < 0.1
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())


def test_the_same_weights_have_the_same_statistics(compose: Any) -> None:
    one, _ = far(compose)
    one.update()
    state = {name: value.clone() for name, value in one.state_dict()["generator"].items()}
    one.update()
    assert all(torch.equal(state[name], value) for name, value in one.state_dict()["generator"].items())


def test_statistics_travel_with_a_checkpoint(compose: Any) -> None:
    one, generator = far(compose)
    one.update()
    config, _ = compose()
    two = Standing(Far(), {"generator": generator}, config.gpu, CPU, seed=0)
    two.load_state_dict(one.state_dict())
    inputs = Inputs(torch.randn(5, 3))
    first, second = (Far().sample(standing.networks, inputs) for standing in (one, two))
    assert torch.equal(first, second)


@pytest.mark.parametrize(("model", "copied"), [("gan", False), ("vae", True), ("distgan", True)])
def test_only_models_that_ask_for_it(model: str, copied: bool, compose: Any) -> None:
    config, _ = compose(f"model={model}", "network=mlp", "network.generator_norm=batch")
    networks = config.model.build(config.network, config.loss, config.data.shape)
    standing = Standing(config.model, networks, config.gpu, CPU, 0)
    assert (standing.networks["generator"] is not networks["generator"]) == copied
    standing.update()
