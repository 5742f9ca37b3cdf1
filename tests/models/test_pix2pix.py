"""pix2pix's terms, computed by hand for networks of one number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_helpers import reaches
from torch.nn.functional import softplus
from translation_helpers import a_batch, a_step, an_engine, toy


def test_every_term_by_hand(compose: Any) -> None:
    """D sees (a, b): its score here is w times their mean. BCE on logits is a softplus."""
    model, batch = toy(compose, "model=pix2pix"), a_batch()
    step = a_step(batch)
    a, b, fake = batch.sources, batch.images, 0.5 * batch.sources
    real_scores, fake_scores = 0.8 * (a + b) / 2, 0.8 * (a + fake) / 2
    discriminator, generator = model.phases()
    torch.testing.assert_close(
        discriminator.loss(step),
        {"adversarial": 0.5 * (softplus(-real_scores).mean() + softplus(fake_scores).mean())},
    )
    torch.testing.assert_close(
        generator.loss(step),
        {"adversarial": softplus(-fake_scores).mean(), "l1": 100 * (b - fake).abs().mean()},
    )
    torch.testing.assert_close(step.logged["score/real"], real_scores.mean())
    torch.testing.assert_close(step.logged["score/fake"], fake_scores.mean())


def test_a_perfect_translation_has_no_l1(compose: Any) -> None:
    model, batch = toy(compose, "model=pix2pix"), a_batch()
    batch.images = 0.5 * batch.sources
    assert model.generator_loss(a_step(batch))["l1"] == 0


@pytest.mark.parametrize(("adversarial", "l1"), [(0, 100), (1, 0), (1, 100)])
def test_the_ablation_of_the_paper(compose: Any, adversarial: int, l1: int) -> None:
    engine = an_engine(compose, "model=pix2pix", f"model.adversarial={adversarial}", f"model.l1={l1}")
    model = engine.model
    assert [phase.name for phase in model.phases()] == ["discriminator"] * bool(adversarial) + ["generator"]
    terms = [name for name, on in (("adversarial", adversarial), ("l1", l1)) if on]
    step = a_step(a_batch(2, seed=0, shape=an_engine.__kwdefaults__["shape"]))
    assert list(model.phases()[-1].loss(step)) == terms
    engine.iterate()
    assert torch.isfinite(torch.tensor(list(engine.drain().values()))).all()


def test_the_discriminator_knows_the_source(compose: Any) -> None:
    model, batch = toy(compose, "model=pix2pix"), a_batch()
    critic = model.critic(a_step(batch))
    torch.testing.assert_close(critic(batch.images), (0.8 * (batch.sources + batch.images) / 2).flatten())
    twice = critic(torch.cat([batch.images, batch.images]))
    torch.testing.assert_close(twice, torch.cat([critic(batch.images)] * 2))
    assert model.scores(batch.images) is None


def test_the_adversarial_term_reaches_the_generator_and_penalties_do_not(compose: Any) -> None:
    settings = ("model=pix2pix", "+penalty@model.penalties.r1=r1")
    model, step = toy(compose, *settings), a_step()
    losses = model.discriminator_loss(step)
    # The score's gradient in b is 0.8 / 2 at each of 16 pixels, and R1 is the mean of its squared norm.
    weight = model.penalties["r1"].weight
    torch.testing.assert_close(losses["r1"], torch.tensor(weight * 16 * 0.4**2))
    assert not reaches(sum(losses.values()), model.generator)
    assert all(reaches(term, model.generator) for term in model.generator_loss(step).values())


def test_a_relative_loss_compares_with_the_real_pairs(compose: Any) -> None:
    model, batch = toy(compose, "model=pix2pix", "loss=relativistic"), a_batch()
    real = 0.8 * (batch.sources + batch.images) / 2
    fake = 0.8 * (batch.sources + 0.5 * batch.sources) / 2
    step = a_step(batch)
    torch.testing.assert_close(
        model.discriminator_loss(step)["adversarial"], 0.5 * softplus(fake - real).mean()
    )
    torch.testing.assert_close(model.generator_loss(step)["adversarial"], softplus(real - fake).mean())


def test_dropout_makes_two_translations_of_one_source_differ(compose: Any) -> None:
    engine = an_engine(compose, "model=pix2pix", "network.width=4")
    sources = a_batch(1, an_engine.__kwdefaults__["shape"]).sources.repeat(2, 1, 1, 1)
    inputs = engine.model.inputs(sources, engine.noise)
    first, second = engine.model.sample(engine.networks, inputs)
    assert not torch.equal(first, second)
    assert torch.equal(engine.model.sample(engine.networks, inputs)[0], first)
