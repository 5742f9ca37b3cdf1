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


SIZES = [(model, None, size) for model in tiny.TRANSLATORS for size in (16, 32, 64, 100)]
SIZES += [("cyclegan", "unet", 100), ("cut", "unet", 36), ("pix2pix", "cyclegan", 100)]


@pytest.mark.parametrize(("model", "family", "size"), SIZES)
def test_one_iteration_of_a_translator_at_every_size(model: str, family: str | None, size: int) -> None:
    """Sources are grey where the method lets the domains differ in their channels."""
    grey = [] if "cut" in model else ["data.source_channels=1"]
    without = ["model.identity=0"] if model == "cyclegan" else []
    config, _ = tiny.compose(
        f"model={model}",
        *([f"network={family}"] if family else []),
        "data=domain_folders",
        "data.path=none",
        f"data.image_size={size}",
        "network.width=2",
        "network.discriminator_layers=1",
        *grey,
        *without,
    )
    device, shape = torch.device("cpu"), config.data.shape
    torch.manual_seed(0)
    networks = config.model.build(config.network, config.loss, shape)
    batch = Batch(torch.rand(2, *shape.dims) * 2 - 1, sources=torch.rand(2, *shape.source.dims) * 2 - 1)
    noise = Noise(0, device)
    engine = Engine(
        config.model, networks, config.optim, config.gpu, device, lambda: batch, noise, 2, Length(2), 0.5
    )
    engine.iterate()
    assert all(torch.isfinite(torch.tensor(value)) for value in engine.drain().values())
    for name, network in networks.items():
        learns = [p.grad is not None and bool(p.grad.any()) for p in network.parameters()]
        assert any(learns), f"{model} {size}: no gradient reaches the {name}"
    sampler = Sampler(config.model, engine.sampled, config.gpu, device)
    for direction in config.model.translations:
        there, back = (shape, shape.source) if direction == "a_to_b" else (shape.source, shape)
        images = torch.zeros(3, *back.dims)
        assert sampler(config.model.inputs(images, noise), direction).shape == (3, *there.dims)
