"""The sliced Wasserstein generators term by term."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.losses.sliced import random_directions, sliced_wasserstein2
from gan_experiments.models import Step
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape


def built(compose: Any, *overrides: str) -> tuple[Any, Step]:
    config, _ = compose("network=mlp", *overrides)
    config.model.check(config.loss, config.data)
    torch.manual_seed(0)
    config.model.build(config.network, config.loss, ImageShape(1, 8))
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
    return config.model, Step(0, 0.0, Noise(1, torch.device("cpu")), lambda: Batch(images), 6)


def test_swgan_compares_features(compose: Any) -> None:
    model, step = built(compose, "model=swgan")
    loss = model.generator_loss(step)["sliced"]
    noise = Noise(1, torch.device("cpu"))  # the same stream again: latents, then directions
    fake = model.generator(model.latents(noise, 6))
    real, fake = (model.discriminator.features(images) for images in (step.batch.images, fake))
    expected = sliced_wasserstein2(real.detach(), fake, random_directions(noise, 1000, real.shape[1]))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    parameters = [*model.generator.parameters()]
    torch.testing.assert_close(
        torch.autograd.grad(loss, parameters), torch.autograd.grad(expected, parameters), rtol=1e-4, atol=1e-9
    )


def test_swgan_plays_the_gans_discriminator_after_the_generator(compose: Any) -> None:
    model, step = built(compose, "model=swgan")
    assert [(phase.name, phase.repeat, phase.same_batch) for phase in model.phases()] == [
        ("generator", 1, True),
        ("discriminator", 1, True),
    ]
    loss = model.discriminator_loss(step)["adversarial"]
    fake = model.generator(model.latents(Noise(1, torch.device("cpu")), 6))
    real, fake = model.discriminator(step.batch.images), model.discriminator(fake)
    assert loss.item() == pytest.approx((F.softplus(-real) + F.softplus(fake)).mean().item(), rel=1e-5)


def test_sliced_compares_pixels_and_has_no_discriminator(compose: Any) -> None:
    model, step = built(compose, "model=sliced")
    assert [phase.updates for phase in model.phases()] == [("generator",)]
    assert model.scores(step.batch.images) is None
    loss = model.generator_loss(step)["sliced"]
    noise = Noise(1, torch.device("cpu"))
    fake = model.generator(model.latents(noise, 6)).flatten(1)
    expected = sliced_wasserstein2(step.batch.images.flatten(1), fake, random_directions(noise, 1000, 64))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=swgan", "model.directions=0"], "model.directions must be at least 1"),
        (["model=sliced", "model.directions=0"], "model.directions must be at least 1"),
        (["model=swgan", "model.generator_batch=2"], "model.generator_batch must be 1"),
        (["model=sliced", "loss=hinge"], "objective of its own"),
    ],
)
def test_refuses_values_that_make_no_sense(overrides: list[str], message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        built(compose, *overrides)
