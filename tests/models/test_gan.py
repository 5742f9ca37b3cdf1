"""The adversarial family against its papers: values, order, and the settings that work with every model."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.models import Gan, Prior, Step
from gan_experiments.models.base import slerp
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape

SHAPE = ImageShape(1, 8)


def built(compose: Any, *overrides: str) -> Gan:
    config, _ = compose("network=mlp", *overrides)
    torch.manual_seed(0)
    config.model.build(config.network, config.loss, SHAPE)
    model: Gan = config.model
    return model


def a_step(index: int = 0, progress: float = 0.0, size: int = 6) -> Step:
    images = torch.rand(size, 1, 8, 8, generator=torch.Generator().manual_seed(index)) * 2 - 1
    return Step(index, progress, Noise(1, torch.device("cpu")), lambda: Batch(images), size)


@pytest.mark.parametrize("reuse", [True, False])
def test_losses_are_the_papers(reuse: bool, compose: Any) -> None:
    model = built(compose, "model=gan", f"model.reuse_fakes={reuse}")
    step = a_step()
    if reuse:
        fake = model.shared_fakes(step).detach()
    else:
        fake = model.generator(model.latents(Noise(1, torch.device("cpu")), 6)).detach()
    expected = (
        F.softplus(-model.discriminator(step.batch.images)).mean()
        + F.softplus(model.discriminator(fake)).mean()
    )
    assert torch.allclose(model.discriminator_loss(step)["adversarial"], expected)


def test_the_generator_steps_fakes_are_fresh_when_not_reused(compose: Any) -> None:
    model = built(compose, "model=gan", "model.reuse_fakes=false")
    seen: list[Tensor] = []
    forward = model.generator.forward
    model.generator.forward = lambda z: (seen.append(z), forward(z))[1]  # type: ignore[method-assign]
    step = a_step()
    model.discriminator_loss(step)
    model.generator_loss(step)
    assert len(seen) == 2
    assert not torch.equal(*seen)


def test_reused_fakes_carry_the_generators_graph_past_the_discriminator_step(compose: Any) -> None:
    model = built(compose, "model=gan")
    step = a_step()
    discriminator = torch.autograd.grad(
        sum(model.discriminator_loss(step).values()),
        [*model.generator.parameters()],
        allow_unused=True,
    )
    assert all(gradient is None for gradient in discriminator)
    generator = torch.autograd.grad(sum(model.generator_loss(step).values()), [*model.generator.parameters()])
    assert all(gradient.abs().sum() > 0 for gradient in generator)


@pytest.mark.parametrize(
    ("model", "steps", "phases"),
    [
        ("gan", 1, ["discriminator", "generator"]),
        ("wgan", 5, ["discriminator", "generator"]),
        ("wgan_gp", 5, ["discriminator", "generator"]),
        ("sngan", 1, ["discriminator", "generator"]),
    ],
)
def test_order_and_number_of_updates(model: str, steps: int, phases: list[str], compose: Any) -> None:
    gan = built(compose, f"model={model}")
    assert [phase.name for phase in gan.phases()] == phases
    assert gan.phases()[0].repeat == steps


def test_generator_first_swaps_the_phases_and_draws_its_own_fakes(compose: Any) -> None:
    gan = built(compose, "model=sngan", "model.generator_first=true", "model.generator_batch=2")
    assert [phase.name for phase in gan.phases()] == ["generator", "discriminator"]
    assert not gan.shares_fakes
    sizes: list[int] = []
    forward = gan.generator.forward
    gan.generator.forward = lambda z: (sizes.append(len(z)), forward(z))[1]  # type: ignore[method-assign]
    gan.generator_loss(a_step(size=6))
    assert sizes == [12]


def test_wgan_clips_every_parameter_after_each_critic_step(compose: Any) -> None:
    gan = built(compose, "model=wgan", "model.penalties.clip.limit=0.01")
    assert max(float(p.detach().abs().max()) for p in gan.discriminator.parameters()) > 0.01
    after = gan.phases()[0].after
    assert after is not None
    after()
    assert max(float(p.detach().abs().max()) for p in gan.discriminator.parameters()) <= 0.01


def test_wgan_gp_adds_ten_times_the_penalty(compose: Any) -> None:
    gan = built(compose, "model=wgan_gp", "model.discriminator_steps=1")
    step = a_step()
    losses = gan.discriminator_loss(step)
    assert losses["gp"].item() == pytest.approx(10 * step.logged["penalty/gp"].item())
    scores = (step.logged["score/fake"] - step.logged["score/real"]).item()
    assert losses["adversarial"].item() == pytest.approx(scores, rel=1e-5)
    assert step.logged["score/gap"].item() == pytest.approx(-scores, rel=1e-5)  # the Wasserstein estimate


def test_lazy_penalty_is_paid_in_full_every_so_often(compose: Any) -> None:
    gan = built(compose, "model=gan", "+penalty@model.penalties.r1=r1", "model.penalties.r1.every=4")
    paid = []
    for index in range(8):
        step = a_step(index)
        losses = gan.discriminator_loss(step)
        paid.append("r1" in losses)
        if "r1" in losses:
            weight = gan.penalties["r1"].weight
            assert losses["r1"].item() == pytest.approx(4 * weight * step.logged["penalty/r1"].item())
    assert paid == [True, False, False, False] * 2


def test_instance_noise_on_both_sides_decays_to_zero(compose: Any) -> None:
    gan = built(compose, "model=gan", "model.instance_noise=0.5", "model.instance_noise_until=0.5")
    images = torch.zeros(4000, 1, 2, 2)
    spread = [gan.presented(images, a_step(progress=p)).std().item() for p in (0.0, 0.25, 0.5, 0.9)]
    assert spread == pytest.approx([0.5, 0.25, 0.0, 0.0], abs=0.01)
    seen: list[Tensor] = []
    features = gan.discriminator.features
    gan.discriminator.features = lambda x: (seen.append(x), features(x))[1]  # type: ignore[method-assign]
    step = a_step()
    gan.discriminator_loss(step)
    gan.generator_loss(step)
    real, fake, again = seen
    assert not torch.equal(real, step.batch.images)
    assert not torch.equal(fake, step.shared["fakes"])
    assert not torch.equal(fake, again)  # fresh noise in the generator's step


def test_joint_batches_give_the_same_scores_without_batch_statistics(compose: Any) -> None:
    separate, joint = (built(compose, "model=gan", f"model.joint_batches={on}") for on in (False, True))
    losses = []
    for gan in (separate, joint):
        step = a_step()
        losses.append(gan.discriminator_loss(step)["adversarial"].item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_label_smoothing_reaches_the_loss(compose: Any) -> None:
    plain, smooth = built(compose, "model=gan"), built(compose, "model=gan", "loss.label_smoothing=0.1")
    real, fake = torch.tensor([2.0]), torch.tensor([-1.0])
    softplus = F.softplus(torch.tensor([-2.0, 2.0, -1.0]))
    assert plain.loss.discriminator(real, fake).item() == pytest.approx((softplus[0] + softplus[2]).item())
    expected = 0.9 * softplus[0] + 0.1 * softplus[1] + softplus[2]
    assert smooth.loss.discriminator(real, fake).item() == pytest.approx(expected.item())


@pytest.mark.parametrize("prior", list(Prior))
def test_priors(prior: Prior, compose: Any) -> None:
    gan = built(compose, "model=gan", f"model.prior={prior.name}", "model.latent_dim=50")
    z = gan.latents(Noise(0, torch.device("cpu")), 2000)
    assert z.shape == (2000, 50)
    assert abs(z.mean().item()) < 0.01
    if prior is Prior.uniform:
        assert -1 <= z.min() < -0.99 < 0.99 < z.max() <= 1
        assert z.var().item() == pytest.approx(1 / 3, abs=0.01)
    else:
        assert z.var().item() == pytest.approx(1.0, abs=0.02)
    if prior is Prior.rademacher:
        assert z.unique().tolist() == [-1, 1]
    if prior is Prior.spherical:
        assert torch.allclose(z.norm(dim=1), torch.tensor(math.sqrt(50)), atol=1e-4)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.latent_dim=0", "model.latent_dim must be at least 1"),
        ("model.discriminator_steps=0", "model.discriminator_steps must be at least 1"),
        ("model.generator_batch=0", "model.generator_batch must be at least 1"),
        ("model.instance_noise=-1", "model.instance_noise must be >= 0"),
    ],
)
def test_refuses_values_that_make_no_sense(override: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=gan", override)


def test_slerp_keeps_norms_and_ends() -> None:
    generator = torch.Generator().manual_seed(0)
    start, end = F.normalize(torch.randn(2, 7, 100, generator=generator, dtype=torch.float64), dim=-1) * 10
    weights = torch.linspace(0, 1, 5, dtype=torch.float64)[:, None, None]
    path = slerp(start, end, weights)
    assert torch.allclose(path[0], start)
    assert torch.allclose(path[-1], end)
    assert torch.allclose(path.norm(dim=-1), torch.tensor(10.0, dtype=torch.float64))
    same = slerp(start, start, weights)
    assert torch.allclose(same, start.expand_as(same))


def test_a_packed_discriminator_judges_images_in_a_row_together(compose: Any) -> None:
    """Lin et al. 2018: only the first layer of the discriminator grows."""
    gan, alone = (built(compose, "model=gan", f"model.packing={packing}") for packing in (3, 1))
    images = a_step().batch.images
    packs = gan.packed(images)
    assert packs.shape == (2, 3, 8, 8)
    assert torch.equal(packs[1], torch.cat([images[3], images[4], images[5]]))
    sizes, single = ([p.numel() for p in model.discriminator.parameters()] for model in (gan, alone))
    assert sizes[0] == 3 * single[0]
    assert sizes[1:] == single[1:]
    step = a_step()
    fake = gan.packed(gan.shared_fakes(step).detach())
    expected = F.softplus(-gan.discriminator(packs)).mean() + F.softplus(gan.discriminator(fake)).mean()
    assert torch.allclose(gan.discriminator_loss(step)["adversarial"], expected)
    assert torch.allclose(
        gan.generator_loss(step)["adversarial"], F.softplus(-gan.discriminator(fake)).mean()
    )
    scores = gan.scores(torch.cat([images, images[:2]]))
    assert scores is not None
    assert torch.allclose(scores, gan.discriminator(packs))  # two that make no pack are left out


def test_a_penalty_on_packs_is_the_norm_over_the_pack(compose: Any) -> None:
    gan = built(compose, "model=wgan_gp", "model.packing=2", "penalty@model.penalties.gp=r1")
    step = a_step()
    gan.discriminator_loss(step)
    packs = gan.packed(step.batch.images).requires_grad_()
    (gradient,) = torch.autograd.grad(gan.discriminator(packs).sum(), packs)
    expected = gradient.flatten(1).square().sum(1).mean()
    assert step.logged["penalty/gp"].item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("model", ["ebgan", "began", "mmdgan", "mmdgan_gp", "gngan", "swgan", "r3gan", "san"])
def test_every_discriminator_without_labels_can_be_packed(model: str, compose: Any) -> None:
    gan = built(compose, f"model={model}", "model.packing=2")
    step = a_step()
    for phase in gan.phases():
        total = torch.stack(list(phase.loss(step).values())).sum()
        assert total.isfinite()
        if phase.after:
            phase.after()


@pytest.mark.parametrize(
    ("model", "reason"),
    [("cgan", r"sees them one by one: model\.packing=1"), ("distgan", r"which packs do not have one by one")],
)
def test_packs_that_make_no_sense_are_refused(model: str, reason: str, compose: Any) -> None:
    config, _ = compose(f"model={model}", "data=mnist", "model.packing=2")
    with pytest.raises(UserError, match=reason):
        config.model.check(config.loss, config.data)


def test_a_batch_must_be_packs(compose: Any) -> None:
    config, _ = compose("model=gan", "data=mnist", "model.packing=3")
    with pytest.raises(UserError, match=r"64 images cannot be divided into packs: model\.packing=3"):
        config.model.check_batch(64)
