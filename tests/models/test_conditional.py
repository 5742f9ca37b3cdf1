"""cGAN, AC-GAN and the conditional SAN: who is told which class, exact losses, where gradients go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot, relu, softplus

from gan_experiments.errors import UserError
from gan_experiments.models import Step
from gan_experiments.models.conditional import Conditional
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape

MODELS = ["cgan", "acgan", "conditional_san", "biggan"]
CLASSES, SIZE, COUNT = 3, 8, 6


def built(compose: Any, model: str, *overrides: str) -> tuple[Conditional, Step]:
    config, _ = compose(
        f"model={model}",
        "network=mlp",
        "model.discriminator_norm=none",
        "model.discriminator_steps=1",
        *overrides,
    )
    torch.manual_seed(0)
    config.model.build(config.network, config.loss, ImageShape(1, SIZE, classes=CLASSES))
    images = torch.rand(COUNT, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(3)) * 2 - 1
    batch = Batch(images, torch.tensor([0, 1, 2, 2, 1, 0]))
    return config.model, Step(0, 0.0, Noise(1, torch.device("cpu")), lambda: batch, COUNT)


@pytest.mark.parametrize("model", MODELS)
def test_latents_ask_for_classes(model: str, compose: Any) -> None:
    gan, step = built(compose, model)
    state = step.noise.state_dict()
    drawn = gan.inputs(step.noise, 3000)
    assert drawn.z.shape == (3000, gan.latent_dim)
    assert drawn.images is None
    shares = drawn.labels.bincount() / 3000
    assert torch.allclose(shares, torch.full((CLASSES,), 1 / CLASSES), atol=0.03)
    step.noise.load_state_dict(state)
    wanted = torch.tensor([2, 2, 0, 1]).repeat(750)
    told = gan.inputs(step.noise, 3000, wanted)
    assert torch.equal(told.labels, wanted)
    assert torch.equal(told.z, drawn.z)
    shown = gan.ordered(drawn[:6])
    assert shown.labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert torch.equal(shown.z, drawn.z[:6])
    networks = {"generator": gan.generator}
    other = replace(told[:4], labels=torch.tensor([1, 0, 1, 2]))
    assert not torch.allclose(gan.sample(networks, told[:4]), gan.sample(networks, other))


@pytest.mark.parametrize("model", MODELS)
def test_fakes_of_the_discriminators_step_have_the_real_classes(model: str, compose: Any) -> None:
    gan, step = built(compose, model)
    asked = []
    gan.generator.register_forward_pre_hook(lambda _, inputs: asked.append(inputs[1]))
    gan.discriminator_loss(step)
    assert [labels.tolist() for labels in asked] == [step.batch.labels.tolist()]


def test_cgan_is_the_gan_of_images_with_class_channels(compose: Any) -> None:
    gan, step = built(compose, "cgan")
    real, labels = step.batch.images, step.batch.labels
    fake = torch.zeros_like(real)
    channels = one_hot(labels, CLASSES).float()[:, :, None, None].expand(-1, -1, SIZE, SIZE)
    scores = [gan.discriminator(torch.cat([images, channels], 1)) for images in (real, fake)]
    expected = softplus(-scores[0]).mean() + softplus(scores[1]).mean()
    found = gan.adversarial(real, fake, step)["adversarial"]
    torch.testing.assert_close(found, expected)
    permuted = gan.score(real, labels.roll(1))
    assert not torch.allclose(permuted, gan.score(real, labels))


def test_acgan_minimises_the_class_error_in_both_steps(compose: Any) -> None:
    gan, step = built(compose, "acgan", "model.head.weight=0.5", "model.head.generator_weight=2")
    real, labels = step.batch.images, step.batch.labels
    fake = torch.zeros_like(real)
    losses = gan.adversarial(real, fake, step)
    features = [gan.discriminator.features(images) for images in (real, fake)]
    logits = [gan.discriminator.head.classifier(h) for h in features]
    scores = [gan.discriminator.head(h) for h in features]
    expected = {
        "adversarial": softplus(-scores[0]).mean() + softplus(scores[1]).mean(),
        "class_real": 0.5 * cross_entropy(logits[0], labels),
        "class_fake": 0.5 * cross_entropy(logits[1], labels),
    }
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(gan.score(real, labels), gan.score(real, labels.roll(1)))  # D is not told

    state = step.noise.state_dict()
    losses = gan.generator_loss(step)
    step.noise.load_state_dict(state)
    inputs = gan.inputs(step.noise, COUNT)
    features = gan.discriminator.features(gan.generator(inputs.z, inputs.labels))
    logits, scores = gan.discriminator.head.classifier(features), gan.discriminator.head(features)
    torch.testing.assert_close(losses["class"], 2 * cross_entropy(logits, inputs.labels))
    torch.testing.assert_close(losses["adversarial"], softplus(-scores).mean())
    gradients = torch.autograd.grad(losses["class"], list(gan.generator.parameters()), allow_unused=True)
    assert any(g is not None and g.abs().sum() > 0 for g in gradients)


def test_projection_is_linear_in_the_class(compose: Any) -> None:
    gan, step = built(compose, "biggan")
    real, labels, head = step.batch.images, step.batch.labels, gan.discriminator.head
    features = gan.discriminator.features(real)
    rows = head.embedding.weight
    expected = head.linear(features)[:, 0] + (rows[labels] * features).sum(1)
    torch.testing.assert_close(gan.score(real, labels), expected)
    other = labels.roll(1)
    change = ((rows[labels] - rows[other]) * features).sum(1)
    torch.testing.assert_close(gan.score(real, labels) - gan.score(real, other), change, atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        rows.zero_()
    torch.testing.assert_close(gan.score(real, labels), head.linear(features)[:, 0])
    assert [phase.repeat for phase in gan.phases()] == [1, 1]


def test_biggan_san_is_the_conditional_san_over_biggans_networks(compose: Any) -> None:
    config, _ = compose("model=biggan_san", "network.width=2")
    networks = config.model.build(config.network, config.loss, ImageShape(1, 16, classes=CLASSES))
    names = [name for name, _ in networks["discriminator"].head.named_parameters()]
    assert names == ["omega", "scale"]  # no spectral norm on the last layer
    assert type(config.network).__name__ == "BigGAN"
    assert [phase.repeat for phase in config.model.phases()] == [4, 1]


def test_san_has_a_direction_for_every_class(compose: Any) -> None:
    gan, step = built(compose, "conditional_san")
    head, real, labels = gan.discriminator.head, step.batch.images, step.batch.labels
    fake = torch.zeros_like(real)
    losses = gan.adversarial(real, fake, step)
    features = [gan.discriminator.features(images) for images in (real, fake)]
    rows = head.omega / head.omega.norm(dim=1, keepdim=True)
    scores = [
        torch.stack([head.scale[c] * rows[c] @ h for h, c in zip(hs, labels, strict=True)]) for hs in features
    ]
    expected = relu(1 - scores[0]).mean() + relu(1 + scores[1]).mean()
    torch.testing.assert_close(losses["adversarial"], expected)
    torch.testing.assert_close(losses["direction"], scores[1].mean() - scores[0].mean())
    torch.testing.assert_close(gan.score(real, labels), scores[0])


def test_san_parts_train_their_own(compose: Any) -> None:
    gan, step = built(compose, "conditional_san")
    losses = gan.discriminator_loss(step)
    named = dict(gan.discriminator.named_parameters())
    for term in ("adversarial", "direction"):
        found = torch.autograd.grad(losses[term], list(named.values()), allow_unused=True, retain_graph=True)
        for name, gradient in zip(named, found, strict=True):
            assert (gradient is not None) == ((name == "head.omega") == (term == "direction")), (term, name)
            if name == "head.omega" and gradient is not None:
                omega = gan.discriminator.head.omega
                assert (gradient * omega).sum(
                    1
                ).abs().max() < 1e-6 * gradient.norm()  # tangent to each sphere
    with torch.no_grad():
        gan.discriminator.head.omega.mul_(3)
    gan.constrain()
    norms = gan.discriminator.head.omega.norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(CLASSES))


@pytest.mark.parametrize("model", MODELS)
def test_joint_batches_score_alike(model: str, compose: Any) -> None:
    losses = []
    for joint in ("false", "true"):
        gan, step = built(compose, model, f"model.joint_batches={joint}")
        losses.append(gan.discriminator_loss(step))
    torch.testing.assert_close(losses[0], losses[1])


@pytest.mark.parametrize("model", MODELS)
def test_penalties_see_the_classes(model: str, compose: Any) -> None:
    gan, step = built(compose, model, "+penalty@model.penalties.gp=gp", "+penalty@model.penalties.r1=r1")
    losses = gan.discriminator_loss(step)
    assert {"gp", "r1"} <= losses.keys()


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.reuse_fakes=true"], "model.reuse_fakes=false"),
        (["loss=relativistic"], "pairs images of any class|cannot train a SAN"),
    ],
)
@pytest.mark.parametrize("model", MODELS)
def test_companions_that_make_no_sense(model: str, overrides: list[str], message: str, compose: Any) -> None:
    config, _ = compose(f"model={model}", *overrides)
    with pytest.raises(UserError, match=message):
        config.model.check(config.loss, config.data)


@pytest.mark.parametrize(("prior", "shares"), [("data", [0, 0.9, 0.1, 0]), ("uniform", [0, 0.5, 0.5, 0])])
def test_classes_are_drawn_from_the_prior_and_never_one_that_the_data_lacks(
    prior: str, shares: list[float], compose: Any
) -> None:
    config, _ = compose("model=cgan", "network=mlp", f"model.class_prior={prior}")
    gan = config.model
    gan.build(config.network, config.loss, ImageShape(1, SIZE, classes=4, counts=(0, 90, 10, 0)))
    drawn = gan.inputs(Noise(0, torch.device("cpu")), 20_000).labels.bincount(minlength=4) / 20_000
    assert drawn[[0, 3]].tolist() == [0, 0]
    assert torch.allclose(drawn, torch.tensor(shares), atol=0.01)
    edges = torch.tensor([0.0, 1 - 2**-24])  # the smallest and the largest number that is drawn
    assert gan.drawn(edges).tolist() == [1, 2]
    assert gan.ordered(gan.inputs(Noise(0, torch.device("cpu")), 4)).labels.tolist() == [1, 1, 2, 2]
    assert gan.protocol() == {"class_prior": prior}
