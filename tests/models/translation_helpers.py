"""What the tests of translation models share: networks of one number, and two domains of random images."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from gan_experiments.models import Step
from gan_experiments.networks import Norm, Translator
from gan_experiments.noise import Noise
from gan_experiments.training.engine import Engine
from gan_experiments.types import Batch, ImageShape

SIZE = 4
SHAPE = ImageShape(1, SIZE, source=ImageShape(1, SIZE))
REAL_SHAPE = ImageShape(3, 16, source=ImageShape(1, 16))
CPU = torch.device("cpu")
SMALL = ("network.width=2", "network.discriminator_layers=1")


class Gain(Translator):
    """`gain` times the image; its features are the image and this multiple of it."""

    def __init__(self, gain: float, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))
        self.feature_channels = (channels, channels)

    def encode(self, images: Tensor) -> list[Tensor]:
        return [images, self.gain * images]

    def decode(self, maps: list[Tensor], z: Tensor | None = None) -> Tensor:
        return maps[-1]


class Pixels(nn.Module):
    """`weight` times the mean over channels of every pixel, (n * h * w,)."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight * images.mean(1).flatten()


class Toy:
    """A family of such networks: the gains of its translators and the weights of its discriminators, in turn."""

    generator_norm = Norm.instance

    def __init__(
        self, gains: tuple[float, ...] = (0.5, 3.0), weights: tuple[float, ...] = (0.8, -0.6)
    ) -> None:
        self.gains, self.weights = iter(gains), iter(weights)

    def translator(self, source: ImageShape, target: ImageShape) -> Gain:
        return Gain(next(self.gains), source.channels)

    def patches(self, shape: ImageShape, norm: Norm) -> Pixels:
        return Pixels(next(self.weights))


def toy(compose: Any, *overrides: str, **values: Any) -> Any:
    """The model of these settings with networks of one number each."""
    config, _ = compose(*overrides)
    torch.manual_seed(0)
    config.model.networks = config.model.build(Toy(**values), config.loss, SHAPE)
    return config.model


def images(seed: int, count: int = 2, shape: ImageShape = SHAPE) -> Tensor:
    return torch.rand(count, *shape.dims, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def a_batch(count: int = 2, shape: ImageShape = SHAPE, seed: int = 0) -> Batch:
    assert shape.source is not None
    return Batch(images(seed + 1, count, shape), sources=images(seed, count, shape.source))


def a_step(batch: Batch | None = None, index: int = 0) -> Step:
    batch = batch or a_batch()
    return Step(index, 0.0, Noise(1, CPU), lambda: batch, len(batch.images))


def an_engine(compose: Any, *overrides: str, shape: ImageShape = REAL_SHAPE, count: int = 2) -> Engine:
    """An engine with small real networks, which draws other images at every step."""
    config, _ = compose(*SMALL, *overrides)
    torch.manual_seed(0)
    networks = config.model.build(config.network, config.loss, shape)
    draws = iter(range(0, 1000, 2))
    return Engine(
        config.model,
        networks,
        config.optim,
        config.gpu,
        CPU,
        lambda: a_batch(count, shape, seed=next(draws)),
        Noise(0, CPU),
        count,
        config.train.length,
        config.train.ema,
    )
