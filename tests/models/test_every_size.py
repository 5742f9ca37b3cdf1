"""Every method runs at every resolution, on every family of networks."""

from __future__ import annotations

import pytest
import torch

import tiny
from gan_experiments.config import Length
from gan_experiments.noise import Noise
from gan_experiments.training.engine import Engine
from gan_experiments.training.sampler import Sampler
from gan_experiments.types import Batch


@pytest.mark.parametrize("model", tiny.MODELS)
def test_one_iteration_at_every_size(model: str) -> None:
    for family, size in (("mlp", 28), ("dcgan", 32), ("resnet", 48), ("dcgan", 64)):
        config, _ = tiny.compose(f"model={model}", f"network={family}", f"data.image_size={size}")
        device = torch.device("cpu")
        networks = config.model.build(config.network, config.loss, config.data.shape)
        batch = Batch(torch.rand(4, *config.data.shape.dims) * 2 - 1, torch.arange(4))
        noise = Noise(0, device)
        engine = Engine(
            config.model,
            networks,
            config.optim,
            config.gpu,
            device,
            lambda batch=batch: batch,
            noise,
            4,
            Length(2),
            0.5,
        )
        engine.iterate()
        assert all(torch.isfinite(torch.tensor(value)) for value in engine.drain().values())
        for name, network in networks.items():
            learns = [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]
            assert any(learns), f"{model} {family} {size}: no gradient reaches the {name}"
        sampler = Sampler(config.model, engine.sampled, config.gpu, device)
        assert sampler(config.model.inputs(noise, 3)).shape == (3, *config.data.shape.dims)
