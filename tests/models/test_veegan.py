"""VEEGAN against Srivastava et al.: the labels' direction, both losses, and who is trained by what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, gradients, reaches, replace, same_noise, updates
from torch.nn.functional import softplus

from gan_experiments.errors import UserError
from gan_experiments.training.run import Run


def test_discriminator_calls_generated_pairs_1(compose: Any) -> None:
    model = built(compose, "model=veegan")
    step = a_step()
    z, x = model.latents(same_noise(), 6), step.batch.images
    losses = model.discriminator_loss(step)
    d = model.discriminator
    assert losses["generated"].item() == pytest.approx(
        softplus(-d(model.generator(z), z)).mean().item(), rel=1e-6
    )
    assert losses["inferred"].item() == pytest.approx(
        softplus(d(x, model.encoder(x))).mean().item(), rel=1e-6
    )
    total = sum(losses.values())
    assert [reaches(total, n) for n in (model.encoder, model.generator, d)] == [False, False, True]


def test_generator_and_reconstructor(compose: Any) -> None:
    model = built(compose, "model=veegan", "model.reconstruction=0.5")
    z = model.latents(same_noise(), 6)
    fake = model.generator(z)
    losses = model.generator_loss(a_step())
    assert losses["adversarial"].item() == pytest.approx(model.discriminator(fake, z).mean().item(), rel=1e-5)
    error = (z - model.encoder(fake)).square().sum(1).mean()
    assert losses["reconstruction"].item() == pytest.approx(0.5 * error.item(), rel=1e-6)
    assert not reaches(losses["adversarial"], model.encoder)
    assert reaches(losses["adversarial"], model.generator)
    assert reaches(losses["reconstruction"], model.encoder)
    assert reaches(losses["reconstruction"], model.generator)


@pytest.mark.parametrize("on", [True, False])
def test_adversarial_reconstructor(on: bool, compose: Any) -> None:
    model = built(compose, "model=veegan", f"model.adversarial_reconstructor={on}")
    step = a_step()
    losses = model.generator_loss(step)
    assert ("inferred" in losses) == on
    if on:
        x = step.batch.images
        expected = -model.discriminator(x, model.encoder(x)).mean()
        assert losses["inferred"].item() == pytest.approx(expected.item(), rel=1e-5)
        assert reaches(losses["inferred"], model.encoder)
        assert not reaches(losses["inferred"], model.generator)


def test_with_a_constant_discriminator_only_the_latents_error_trains(compose: Any) -> None:
    model = built(compose, "model=veegan", "model.adversarial_reconstructor=false")
    replace(model, "discriminator", lambda images, codes: (0 * images).sum((1, 2, 3)) + 3)
    losses = model.generator_loss(a_step())
    both = gradients(sum(losses.values()), model.generator)
    alone = gradients(losses["reconstruction"], model.generator)
    assert all(torch.equal(a, b) for a, b in zip(both, alone, strict=True))


def test_a_generator_and_its_inverse_have_no_error(compose: Any) -> None:
    model = built(compose, "model=veegan", "model.latent_dim=64")
    replace(model, "generator", lambda z: z.view(-1, 1, 8, 8))
    replace(model, "encoder", lambda x: x.flatten(1))
    assert model.generator_loss(a_step())["reconstruction"].item() == 0


def test_discriminator_then_generator_and_reconstructor(compose: Any, tmp_path: Path) -> None:
    assert updates(compose, tmp_path, "model=veegan") == [
        ("discriminator", {"discriminator"}),
        ("generator", {"generator", "encoder"}),
    ]


def test_both_updates_see_the_same_images(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=veegan", "data.image_size=16")
    engine = Run(config, tmp_path, record).engine
    engine.iterate()
    assert engine.images_seen == config.train.batch_size


@pytest.mark.parametrize("setting", ["reconstruction", "pair_width"])
def test_refuses_values_that_make_no_sense(setting: str, compose: Any) -> None:
    with pytest.raises(UserError, match=rf"model\.{setting} must be"):
        compose("model=veegan", f"model.{setting}=-1")
