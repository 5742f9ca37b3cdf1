"""f-GAN, LSGAN, DRAGAN and R3GAN: the adversarial family with other losses and penalties."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.models import Gan, Step
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape


def built(compose: Any, *overrides: str) -> tuple[Gan, Step]:
    config, _ = compose("network=mlp", *overrides)
    config.model.check(config.loss, config.data)
    torch.manual_seed(0)
    config.model.build(config.network, config.loss, ImageShape(1, 8))
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
    step = Step(0, 0.0, Noise(1, torch.device("cpu")), lambda: Batch(images), 6)
    config.model.shared_fakes(step)
    return config.model, step


def test_fgan_kl_values(compose: Any) -> None:
    model, step = built(compose, "model=fgan", "loss=fgan_kl")
    real, fake = model.scores(step.batch.images), model.scores(step.shared["fakes"])
    assert model.discriminator_loss(step)["adversarial"].item() == pytest.approx(
        ((fake - 1).exp().mean() - real.mean()).item(), rel=1e-5
    )
    assert model.generator_loss(step)["adversarial"].item() == pytest.approx(-fake.mean().item(), rel=1e-5)
    plain, step = built(compose, "model=fgan", "loss=fgan_kl", "loss.trick=false")
    assert plain.generator_loss(step)["adversarial"].item() == pytest.approx(
        -(fake - 1).exp().mean().item(), rel=1e-5
    )


@pytest.mark.parametrize("model", ["gan", "dcgan", "san"])
@pytest.mark.parametrize(
    "divergence", ["kl", "reverse_kl", "pearson", "hellinger", "js", "gan", "neyman", "total_variation"]
)
def test_an_f_divergence_is_a_loss_like_any_other(model: str, divergence: str, compose: Any) -> None:
    gan, step = built(compose, f"model={model}", f"loss=fgan_{divergence}")
    total = sum(gan.discriminator_loss(step).values()) + sum(gan.generator_loss(step).values())
    assert total.isfinite()


def test_lsgan_is_dcgan_with_least_squares(compose: Any) -> None:
    model, step = built(compose, "model=lsgan", "model.discriminator_norm=none")
    real, fake = model.scores(step.batch.images), model.scores(step.shared["fakes"])
    losses = model.discriminator_loss(step)
    assert losses["adversarial"].item() == pytest.approx(
        (0.5 * (real - 1).square().mean() + 0.5 * fake.square().mean()).item(), rel=1e-5
    )
    expected = 0.5 * (fake - 1).square().mean().item()
    assert model.generator_loss(step)["adversarial"].item() == pytest.approx(expected, rel=1e-5)


def test_dragan_adds_its_penalty_to_the_non_saturating_game(compose: Any) -> None:
    model, step = built(compose, "model=dragan")
    losses = model.discriminator_loss(step)
    real, fake = model.scores(step.batch.images), model.scores(step.shared["fakes"])
    assert list(losses) == ["adversarial", "dragan"]
    assert losses["adversarial"].item() == pytest.approx(
        (F.softplus(-real) + F.softplus(fake)).mean().item(), rel=1e-5
    )
    assert losses["dragan"].item() == pytest.approx(10 * step.logged["penalty/dragan"].item())


def test_r3gan_pairs_scores_in_both_steps(compose: Any) -> None:
    model, step = built(compose, "model=r3gan")
    losses = model.discriminator_loss(step)
    real, fake = model.scores(step.batch.images), model.scores(step.shared["fakes"])
    assert losses["adversarial"].item() == pytest.approx(F.softplus(fake - real).mean().item(), rel=1e-5)
    for name, images in (("r1", step.batch.images), ("r2", step.shared["fakes"].detach())):
        images = images.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(model.scores(images).sum(), images)
        assert losses[name].item() == pytest.approx(0.5 * gradient.square().sum().item() / 6, rel=1e-4)
    generator = model.generator_loss(step)["adversarial"]
    assert generator.item() == pytest.approx(F.softplus(real - fake).mean().item(), rel=1e-5)
    found = torch.autograd.grad(generator, [*model.generator.parameters()], retain_graph=True)
    expected = torch.autograd.grad(
        F.softplus(real.detach() - model.scores(step.shared["fakes"])).mean(), [*model.generator.parameters()]
    )
    torch.testing.assert_close(found, expected)


def test_r3gan_refuses_what_cannot_be_paired(compose: Any) -> None:
    with pytest.raises(UserError, match="generator_batch must be 1"):
        built(compose, "model=r3gan", "model.generator_batch=2")
    with pytest.raises(UserError, match="use model=r3gan"):
        built(compose, "model=san", "loss=relativistic")


def test_a_model_that_plays_a_game_needs_a_loss(compose: Any) -> None:
    with pytest.raises(UserError, match="loss=none leaves this model without an objective"):
        built(compose, "model=gan", "loss=none")
