"""Dist-GAN against Tran et al. 2018: the schedule of weights, each term, the penalty's sign, and the order."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, reaches, replace, same_noise, updates
from torch.nn.functional import softplus

from gan_experiments.errors import UserError

ORDER = [
    ("autoencoder", {"encoder", "generator"}),
    ("discriminator", {"discriminator"}),
    ("generator", {"generator"}),
]


@pytest.mark.parametrize(
    ("progress", "share"), [(0.0, 0.05), (0.5, 0.05), (0.625, 0.025), (0.75, 0.0), (1.0, 0.0)]
)
@pytest.mark.parametrize("loss", ["non_saturating", "probability_hinge"])
def test_discriminators_terms_and_schedule(progress: float, share: float, loss: str, compose: Any) -> None:
    model = built(compose, "model=distgan", f"loss={loss}")
    step = a_step(progress=progress)
    fake = model.generator(model.latents(same_noise(), 6)).detach()
    x, d = step.batch.images, model.discriminator
    decoded = model.generator(model.encoder(x))
    if loss == "non_saturating":
        parts = [softplus(-d(x)).mean(), softplus(-d(decoded)).mean(), softplus(d(fake)).mean()]
    else:
        parts = [1 - d(x).sigmoid().mean(), 1 - d(decoded).sigmoid().mean(), 1 + d(fake).sigmoid().mean()]
    expected = (1 - share) * parts[0] + share * parts[1] + parts[2]
    losses = model.discriminator_loss(step)
    penalty = losses.pop("gp")
    assert sum(losses.values()).item() == pytest.approx(expected.item(), rel=1e-5)
    assert ("decoded/adversarial" in losses) == (share > 0)
    assert penalty.item() > 0
    assert [reaches(sum(losses.values()), n) for n in (model.encoder, model.generator, d)] == [
        False,
        False,
        True,
    ]


def test_penalty_is_on_the_logit_and_minimised(compose: Any) -> None:
    model = built(compose, "model=distgan")
    weights = torch.linspace(-1, 1, 64)
    replace(model.discriminator, "forward", lambda images: images.flatten(1) @ weights)
    expected = (weights.norm() - 1) ** 2
    assert model.discriminator_loss(a_step())["gp"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_autoencoders_terms(compose: Any) -> None:
    model = built(compose, "model=distgan", "model.distance_weight=2", "model.latent_dim=5")
    step = a_step()
    z, x = model.latents(same_noise(), 6), step.batch.images
    codes, phi = model.encoder(x), model.discriminator.features
    decoded = phi(model.generator(codes))
    losses = model.autoencoder_loss(step)
    assert losses["reconstruction"].item() == pytest.approx(
        (phi(x) - decoded).square().mean().item(), rel=1e-5
    )
    scale = math.sqrt(5 / phi(x).shape[1])
    constraint = ((decoded - phi(model.generator(z))).mean() - scale * (codes - z).mean()) ** 2
    assert losses["distance"].item() == pytest.approx(2 * constraint.item(), rel=1e-3)
    for term in losses.values():
        assert reaches(term, model.encoder)
        assert reaches(term, model.generator)


def test_distance_is_kept_where_codes_are_the_latents(compose: Any) -> None:
    model = built(compose, "model=distgan", "model.latent_dim=5")
    z = model.latents(same_noise(), 6)
    replace(model, "encoder", lambda images: z)
    assert model.autoencoder_loss(a_step())["distance"].item() == pytest.approx(0, abs=1e-12)


def test_generator_matches_the_mean_probability(compose: Any) -> None:
    model = built(compose, "model=distgan")
    step = a_step()
    fake = model.generator(model.latents(same_noise(), 6))
    means = [model.scores(images).sigmoid().mean() for images in (step.batch.images, fake)]
    term = model.generator_loss(step)["score"]
    assert term.item() == pytest.approx(abs((means[0] - means[1]).item()), rel=1e-4)
    assert reaches(term, model.generator)


@pytest.mark.parametrize("trains", [True, False])
def test_autoencoder_discriminator_generator(trains: bool, compose: Any, tmp_path: Path) -> None:
    seen = updates(compose, tmp_path, "model=distgan", f"model.autoencoder_trains_generator={trains}")
    first = ORDER[0] if trains else ("autoencoder", {"encoder"})
    assert seen == [first, *ORDER[1:]]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.reconstructions_as_real=2", "model.reconstructions_as_real must be in"),
        ("model.reuse_fakes=true", "model.reuse_fakes must be false"),
        ("model.distance_weight=-1", "model.distance_weight must be 0 or more"),
    ],
)
def test_refuses_values_that_make_no_sense(override: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=distgan", override)
