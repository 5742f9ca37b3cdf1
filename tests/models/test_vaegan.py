"""VAE-GAN against Larsen et al.: each network's own terms, one forward pass for all three, and the order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, gradients, reaches, replace, same_noise, updates
from torch.nn.functional import softplus

from gan_experiments.errors import UserError
from gan_experiments.models.autoencoder import divergence_from_prior, draw, posterior


@pytest.fixture
def model(compose: Any) -> Any:
    return built(
        compose, "model=vaegan", "model.discriminator_norm=none", "model.gamma=0.25", "model.likelihood=0.5"
    )


def run(model: Any) -> tuple[Any, dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    step = a_step()
    return step, model.encoder_loss(step), model.generator_loss(step), model.discriminator_loss(step)


def test_terms_are_the_papers(model: Any) -> None:
    step, encoder, generator, discriminator = run(model)
    noise, images, d = same_noise(), step.batch.images, model.discriminator
    mean, log_variance = posterior(model.encoder(images))
    decoded = model.generator(draw(mean, log_variance, noise))
    samples = model.generator(model.latents(noise, 6))
    likelihood = 0.5 * (d.features(decoded) - d.features(images)).square().sum(1).mean()
    expected = {
        "divergence": divergence_from_prior(mean, log_variance).mean(),
        "reconstruction": 0.5 * likelihood,
    }
    assert {k: v.item() for k, v in encoder.items()} == pytest.approx(
        {k: v.item() for k, v in expected.items()}
    )
    expected = {
        "reconstruction": 0.25 * likelihood,
        "samples/adversarial": softplus(-d(samples)).mean(),
        "decoded/adversarial": softplus(-d(decoded)).mean(),
    }
    assert {k: v.item() for k, v in generator.items()} == pytest.approx(
        {k: v.item() for k, v in expected.items()}
    )
    value = softplus(-d(images)).mean() + (softplus(d(samples)).mean() + softplus(d(decoded)).mean()) / 2
    assert sum(discriminator.values()).item() == pytest.approx(value.item())


def test_who_is_trained_by_what(model: Any) -> None:
    _, encoder, generator, discriminator = run(model)
    networks = (model.encoder, model.generator, model.discriminator)
    assert [reaches(encoder["divergence"], network) for network in networks] == [True, False, False]
    assert [reaches(encoder["reconstruction"], network) for network in networks] == [True, True, True]
    for term in generator.values():
        assert not reaches(term, model.encoder)
        assert reaches(term, model.generator)
    for term in discriminator.values():
        assert [reaches(term, network) for network in networks] == [False, False, True]


def test_with_the_identity_as_features_the_error_is_that_of_the_pixels(model: Any) -> None:
    replace(model.discriminator, "features", lambda images: images.flatten(1))
    torch.manual_seed(2)
    x, y = torch.rand(2, 6, 1, 8, 8).unbind()
    assert model.feature_error(x, y).item() == pytest.approx(0.5 * (x - y).square().sum().item() / 6)


def test_all_gradients_are_those_before_any_network_moves(model: Any) -> None:
    step = a_step()
    encoder = model.encoder_loss(step)["reconstruction"]
    with torch.no_grad():  # the encoder's step
        for parameter in model.encoder.parameters():
            parameter.add_(1.0)
    generator = model.generator_loss(step)["reconstruction"]
    assert generator.item() == pytest.approx(0.25 / 0.5 * encoder.item())
    before = [g.clone() for g in gradients(sum(model.discriminator_loss(step).values()), model.discriminator)]  # type: ignore[union-attr]
    with torch.no_grad():  # the decoder's step
        for parameter in model.generator.parameters():
            parameter.add_(1.0)
    after = gradients(sum(model.discriminator_loss(step).values()), model.discriminator)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_encoder_decoder_discriminator_on_one_batch(compose: Any, tmp_path: Path, model: Any) -> None:
    assert updates(compose, tmp_path, "model=vaegan") == [
        ("encoder", {"encoder"}),
        ("generator", {"generator"}),
        ("discriminator", {"discriminator"}),
    ]
    assert [phase.same_batch for phase in model.phases()] == [False, True, True]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.gamma=-1", "model.gamma must be"),
        ("model.likelihood=-1", "model.likelihood must be"),
        ("model.prior=uniform", "must be normal"),
    ],
)
def test_refuses_values_that_make_no_sense(override: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=vaegan", override)
