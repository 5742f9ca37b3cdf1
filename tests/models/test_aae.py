"""The adversarial autoencoder against Makhzani et al.: terms, who is trained by what, and the codes' moments."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, gradients, reaches, real, replace, same_noise, updates
from torch.nn.functional import softplus

from gan_experiments.errors import UserError
from gan_experiments.training.run import Run
from gan_experiments.types import Inputs
from processors import SEED


def test_terms_are_the_papers(compose: Any) -> None:
    model = built(compose, "model=aae")
    step = a_step()
    images = step.batch.images
    codes = model.encoder(images)
    error = (model.generator(codes) - images).square().sum((1, 2, 3)).mean()
    assert model.reconstruction_loss(step)["reconstruction"].item() == pytest.approx(error.item(), rel=1e-6)
    prior = model.latents(same_noise(), 6)
    c = model.discriminator
    expected = (softplus(-c(prior)) + softplus(c(codes))).mean()
    assert model.discriminator_loss(step)["adversarial"].item() == pytest.approx(expected.item(), rel=1e-6)
    assert model.encoder_loss(step)["adversarial"].item() == pytest.approx(
        softplus(-c(codes)).mean().item(), rel=1e-6
    )


def test_a_constant_discriminator_teaches_the_encoder_nothing(compose: Any) -> None:
    model = built(compose, "model=aae")
    replace(model, "discriminator", lambda codes: (0 * codes).sum(1))
    loss = model.encoder_loss(a_step())["adversarial"]
    assert loss.item() == pytest.approx(math.log(2))
    assert all(g is not None and not g.any() for g in gradients(loss, model.encoder))


def test_each_term_reaches_its_own_networks(compose: Any) -> None:
    model = built(compose, "model=aae")
    step = a_step()
    reconstruction = model.reconstruction_loss(step)["reconstruction"]
    adversary = model.discriminator_loss(step)["adversarial"]
    encoder = model.encoder_loss(step)["adversarial"]
    networks = (model.encoder, model.generator, model.discriminator)
    assert [reaches(reconstruction, network) for network in networks] == [True, True, False]
    assert [reaches(adversary, network) for network in networks] == [False, False, True]
    assert [reaches(encoder, network) for network in networks] == [True, False, True]  # frozen by the engine


def test_reconstruction_then_regularisation_on_one_batch(compose: Any, tmp_path: Path) -> None:
    assert updates(compose, tmp_path, "model=aae") == [
        ("reconstruction", {"encoder", "generator"}),
        ("discriminator", {"discriminator"}),
        ("encoder", {"encoder"}),
    ]
    phases = built(compose, "model=aae").phases()
    assert [phase.same_batch for phase in phases] == [False, True, True]


def test_refuses_a_discriminator_without_units(compose: Any) -> None:
    with pytest.raises(UserError, match=r"model\.code_width must be at least 1"):
        compose("model=aae", "model.code_width=0")


@pytest.mark.quality
@pytest.mark.processors
@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_codes_of_digits_have_the_priors_moments(seed: int, compose: Any, tmp_path: Path) -> None:
    config, record = compose(
        "model=aae", "data.image_size=16", "network.width=64", "model.code_width=256", "model.latent_dim=4",
        "train.batch_size=64", "train.steps=1200", "train.checkpoint_every=1200", f"seed={seed}",
    )  # fmt: skip
    run = Run(config, tmp_path, record)
    images = Inputs(images=real(run, 1000))
    before = error(run.sampler.panels(images))
    run.train()
    codes = run.model.encode(run.engine.ema, images.images).z.detach()
    assert codes.mean(0).abs().max() < 0.5
    assert float((torch.cov(codes.T) - torch.eye(4)).abs().max()) < 0.5
    assert error(run.sampler.panels(images)) < before / 4


def error(panels: dict[str, torch.Tensor]) -> float:
    return float((panels["reconstruction"] - panels["image"]).square().mean())
