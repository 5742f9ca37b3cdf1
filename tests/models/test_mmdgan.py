"""The two MMD-GANs term by term."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.losses.mmd import biased_mmd2, unbiased_mmd2, witness
from gan_experiments.models import MmdGan, MmdGanGp, Step
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape


def built(compose: Any, *overrides: str) -> tuple[Any, Step]:
    config, _ = compose("network=mlp", "model.discriminator_norm=none", *overrides)
    config.model.check(config.loss, config.data)
    torch.manual_seed(0)
    config.model.build(config.network, config.loss, ImageShape(1, 8))
    for network in (
        config.model.generator,
        config.model.discriminator,
        getattr(config.model, "decoder", None),
    ):
        if network is not None:
            network.double()
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(3)).double() * 2 - 1
    noise = Noise(1, torch.device("cpu"))
    step = Step(0, 0.0, noise, lambda: Batch(images), 6)
    config.model.latents = lambda noise, n: noise.normal(n, config.model.latent_dim).double()
    config.model.shared_fakes(step)
    step.repeat = config.model.discriminator_steps - 1  # the one that sees the generator's fakes
    return config.model, step


def codes(model: Any, step: Step) -> tuple[Tensor, Tensor]:
    return model.discriminator(step.batch.images), model.discriminator(step.shared["fakes"])


def gradients(loss: Tensor, *networks: torch.nn.Module) -> list[Tensor | None]:
    parameters = [p for network in networks for p in network.parameters()]
    return list(torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True))


def same(found: list[Tensor | None], expected: list[Tensor | None]) -> None:
    torch.testing.assert_close([g for g in found if g is not None], [g for g in expected if g is not None])
    assert any(g is not None and g.abs().sum() > 0 for g in found)


def test_li_terms_and_gradients(compose: Any) -> None:
    model, step = built(compose, "model=mmdgan", "model.code_dim=5", "model.latent_dim=7")
    assert isinstance(model, MmdGan)
    real, fake = codes(model, step)
    root = biased_mmd2(model.kernel, real, fake).sqrt()
    order = -torch.relu(-(real.mean(0) - fake.mean(0))).mean()
    assert order < 0
    detached = step.shared["fakes"].detach()
    errors = [
        (model.decoder(model.discriminator(x)) - x).square().mean() for x in (step.batch.images, detached)
    ]
    losses = model.discriminator_loss(step)
    assert losses["mmd"].item() == pytest.approx(-root.item(), rel=1e-10)
    assert losses["rank"].item() == pytest.approx(-16 * order.item(), rel=1e-10)
    assert losses["reconstruction"].item() == pytest.approx(8 * (errors[0] + errors[1]).item(), rel=1e-10)
    both = (model.discriminator, model.decoder)
    same(gradients(sum(losses.values()), *both), gradients(-root - 16 * order + 8 * sum(errors), *both))

    losses = model.generator_loss(step)
    assert losses["mmd"].item() == pytest.approx(root.item(), rel=1e-10)
    assert losses["rank"].item() == pytest.approx(16 * order.item(), rel=1e-10)
    same(gradients(sum(losses.values()), model.generator), gradients(root + 16 * order, model.generator))


def test_li_order_of_updates_and_clipping_of_the_encoder_alone(compose: Any) -> None:
    model, _ = built(compose, "model=mmdgan")
    critic, generator = model.phases()
    assert (critic.updates, critic.repeat) == (("discriminator", "decoder"), 5)
    assert generator.updates == ("generator",)
    before = [p.clone() for p in model.decoder.parameters()]
    critic.after()
    assert max(p.abs().max().item() for p in model.discriminator.parameters()) == pytest.approx(0.01)
    assert all(torch.equal(p, q) for p, q in zip(model.decoder.parameters(), before, strict=True))


def test_equal_codes_give_a_finite_gradient(compose: Any) -> None:
    model, _ = built(compose, "model=mmdgan")
    real = torch.ones(4, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(sum(model.game(real, torch.ones(4, 3)).values()), real)
    assert gradient.isfinite().all()


def test_binkowski_terms_and_gradients(compose: Any) -> None:
    model, step = built(compose, "model=mmdgan_gp")
    assert isinstance(model, MmdGanGp)
    real, fake = codes(model, step)
    assert real.shape == (6, 16)
    value = unbiased_mmd2(model.kernel, real, fake)
    penalty = model.penalties["gp"]
    penalty.points = lambda real, fake, noise: 0.3 * real + 0.7 * fake
    losses = model.discriminator_loss(step)
    assert losses["mmd"].item() == pytest.approx(-value.item(), rel=1e-10)
    hidden = [model.discriminator.features(x) for x in (step.batch.images, step.shared["fakes"].detach())]
    squares = sum(part.square().mean() for part in (*hidden, real, fake)) / 4
    assert losses["activations"].item() == pytest.approx(squares.item(), rel=1e-10)

    points = (0.3 * step.batch.images + 0.7 * step.shared["fakes"]).detach().requires_grad_()
    fixed = model.discriminator(step.shared["fakes"].detach())
    height = witness(model.kernel, model.discriminator(points), real, fixed)
    (slope,) = torch.autograd.grad(height.sum(), points, create_graph=True)
    expected = (slope.flatten(1).norm(dim=1) - 1).square().mean()
    assert losses["gp"].item() == pytest.approx(expected.item(), rel=1e-10)
    same(gradients(losses["gp"], model.discriminator), gradients(expected, model.discriminator))

    generator = model.generator_loss(step)["mmd"]
    assert generator.item() == pytest.approx(value.item(), rel=1e-10)
    same(gradients(generator, model.generator), gradients(value, model.generator))


def test_scores_are_the_witness_of_the_last_batch(compose: Any) -> None:
    model, step = built(compose, "model=mmdgan_gp")
    assert model.scores(step.batch.images) is None
    model.discriminator_loss(step)
    real, fake = codes(model, step)
    torch.testing.assert_close(model.scores(step.batch.images), witness(model.kernel, real, real, fake))


def test_a_loss_beside_their_own_is_refused(compose: Any) -> None:
    with pytest.raises(UserError, match="objective of its own"):
        built(compose, "model=mmdgan", "loss=hinge")
