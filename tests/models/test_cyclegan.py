"""CycleGAN's terms, computed by hand for networks of one number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_helpers import reaches
from torch import Tensor
from translation_helpers import a_batch, a_step, an_engine, toy

from gan_experiments.errors import UserError
from gan_experiments.types import ImageShape

P, Q = 0.5, 3.0  # the gains of G: a -> b and F: b -> a
V, W = 0.8, -0.6  # the weights of the discriminators of b and of a


def squared(scores: Tensor, target: float) -> Tensor:
    return (scores - target).square().mean()


def gap(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs().mean()


def test_every_term_by_hand(compose: Any) -> None:
    model, batch = toy(compose, "model=cyclegan"), a_batch()
    a, b, step = batch.sources, batch.images, a_step(batch)
    generators, discriminators = model.phases()
    torch.testing.assert_close(
        generators.loss(step),
        {
            "adversarial_a_to_b": squared(V * P * a, 1),
            "adversarial_b_to_a": squared(W * Q * b, 1),
            "cycle_a": 10 * gap(Q * P * a, a),
            "cycle_b": 10 * gap(P * Q * b, b),
            "identity_a": 5 * gap(Q * a, a),
            "identity_b": 5 * gap(P * b, b),
        },
    )
    torch.testing.assert_close(
        discriminators.loss(step),
        {
            "adversarial_b": 0.5 * (squared(V * b, 1) + squared(V * P * a, 0)),
            "adversarial_a": 0.5 * (squared(W * a, 1) + squared(W * Q * b, 0)),
        },
    )
    torch.testing.assert_close(step.logged["score/real_b"], (V * b).mean())
    torch.testing.assert_close(step.logged["score/fake_a"], (W * Q * b).mean())


def test_identity_networks_have_no_cycle_and_no_identity_loss(compose: Any) -> None:
    model = toy(compose, "model=cyclegan", gains=(1.0, 1.0))
    losses = model.generator_loss(a_step())
    assert [losses[name].item() for name in losses if not name.startswith("adversarial")] == [0] * 4


def test_networks_that_undo_each_other_have_no_cycle_loss(compose: Any) -> None:
    losses = toy(compose, "model=cyclegan", gains=(0.25, 4.0)).generator_loss(a_step())
    assert losses["cycle_a"] == losses["cycle_b"] == 0
    assert losses["identity_a"] > 0


def test_gradients_flow_where_they_must(compose: Any) -> None:
    model, step = toy(compose, "model=cyclegan"), a_step()
    losses = model.generator_loss(step)
    to_b, to_a = model.translators()
    reached = {name: (reaches(term, to_b), reaches(term, to_a)) for name, term in losses.items()}
    assert reached == {
        "adversarial_a_to_b": (True, False),
        "adversarial_b_to_a": (False, True),
        "cycle_a": (True, True),
        "cycle_b": (True, True),
        "identity_a": (False, True),
        "identity_b": (True, False),
    }
    for name, term in model.discriminator_loss(step).items():
        domain = name[-1]
        for other in "ab":
            network = model.adversary[other].discriminator
            assert reaches(term, network) == (other == domain)


def test_weights_of_0_leave_their_terms_out(compose: Any) -> None:
    def names(*overrides: str) -> set[str]:
        losses = toy(compose, "model=cyclegan", *overrides).generator_loss(a_step())
        return {name.rpartition("_")[0] for name in losses}

    assert names("model.identity=0") == {"adversarial_a_to", "adversarial_b_to", "cycle"}
    assert names("model.cycle=0") == {"adversarial_a_to", "adversarial_b_to"}
    assert names("model.adversarial=0") == {"cycle", "identity"}


def test_one_pass_for_source_and_target_gives_what_two_give(compose: Any) -> None:
    """Instance norm does not mix images; batch norm does, and then the domains go through on their own."""
    passes = {}
    for norm in ("instance", "batch"):
        shape = ImageShape(3, 16, source=ImageShape(3, 16))
        engine = an_engine(compose, "model=cyclegan", f"network.generator_norm={norm}", shape=shape)
        model, counts = engine.model, []
        forward = model.a_to_b.forward
        model.a_to_b.forward = lambda *given, forward=forward, counts=counts: (
            counts.append(len(given[0])),
            forward(*given),
        )[1]
        step = a_step(a_batch(2, shape))
        losses = model.generator_loss(step)
        passes[norm] = counts
        if norm == "instance":
            model.joint = False
            torch.testing.assert_close(model.generator_loss(a_step(a_batch(2, shape))), losses)
    assert passes == {"instance": [4, 2, 2, 2, 2], "batch": [2, 2, 2]}


def test_the_discriminators_see_the_pool(compose: Any) -> None:
    model = toy(compose, "model=cyclegan", "model.pool=1")
    shown = []
    for index in range(12):
        batch = a_batch(1, seed=2 * index)
        step = a_step(batch)
        step.noise.generator.manual_seed(index)
        model.generator_loss(step)
        model.discriminator_loss(step)
        shown.append((step.logged["score/fake_b"].item(), V * P * batch.sources.mean().item()))
    new = [seen == pytest.approx(fresh) for seen, fresh in shown]
    assert new[0]
    assert 2 <= sum(new) <= 10
    earlier = [fresh for _, fresh in shown]
    for index, (seen, _) in enumerate(shown):
        assert any(seen == pytest.approx(value) for value in earlier[: index + 1])


def test_scores_are_means_over_the_patches_of_target_images(compose: Any) -> None:
    model, images = toy(compose, "model=cyclegan"), a_batch(3).images
    torch.testing.assert_close(model.scores(images), V * images.mean((1, 2, 3)))


def test_an_identity_term_between_different_channels_is_refused(compose: Any) -> None:
    shape = ImageShape(3, 16, source=ImageShape(1, 16))
    with pytest.raises(UserError, match=r"differ in their channels.*model\.identity=0"):
        an_engine(compose, "model=cyclegan", shape=shape)
    engine = an_engine(compose, "model=cyclegan", "model.identity=0", shape=shape)
    engine.iterate()
    assert torch.isfinite(torch.tensor(list(engine.drain().values()))).all()
    with pytest.raises(UserError, match=r"model\.pool must be 0 or more"):
        compose("model=cyclegan", "model.pool=-1")
