"""GN-GAN against Tran et al. 2019: every term, its switch, and gradients that are alive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, gradients, reaches, replace, same_noise, updates

from gan_experiments.errors import UserError
from gan_experiments.losses.neighbours import neighbour_divergence
from gan_experiments.training.run import Run


def model_of(compose: Any, *overrides: str) -> Any:
    return built(compose, "model=gngan", "network.slope=0.2", *overrides)


def input_gradients(model: Any, images: torch.Tensor) -> torch.Tensor:
    """grad_x d(x), one image at a time."""
    rows = []
    for image in images.detach():
        point = image[None].clone().requires_grad_()
        rows.append(torch.autograd.grad(model.scores(point).sigmoid().sum(), point)[0].flatten())
    return torch.stack(rows)


@pytest.mark.parametrize("space", ["pixel", "feature"])
def test_autoencoders_terms(space: str, compose: Any) -> None:
    model = model_of(compose, f"model.space={space}", "model.neighbours=2")
    step = a_step()
    z, x = model.latents(same_noise(), 6), step.batch.images
    codes = model.encoder(x)
    decoded, fake = model.generator(codes), model.generator(z)
    view = model.discriminator.features if space == "feature" else (lambda images: images.flatten(1))
    losses = model.autoencoder_loss(step)
    error = (view(decoded) - view(x)).square().mean()
    assert losses["reconstruction"].item() == pytest.approx(error.item(), rel=1e-5)
    expected = neighbour_divergence(torch.cat([codes, z]), view(torch.cat([decoded, fake])))
    assert losses["neighbours"].item() == pytest.approx(2 * expected.item(), rel=1e-3)
    for network in (model.encoder, model.generator):
        assert all(g is None or g.isfinite().all() for g in gradients(losses["neighbours"], network))
        assert reaches(losses["neighbours"], network)


@pytest.mark.parametrize("matching", ["vector", "norm"])
def test_generators_terms(matching: str, compose: Any) -> None:
    model = model_of(
        compose, f"model.matching={matching}", "model.gradient_matching=2", "model.projection_matching=3"
    )
    step = a_step()
    x, fake = step.batch.images, model.generator(model.latents(same_noise(), 6))
    real_rows, fake_rows = input_gradients(model, x), input_gradients(model, fake)
    real_dots, fake_dots = (real_rows * x.flatten(1)).sum(1), (fake_rows * fake.flatten(1)).sum(1)
    if matching == "vector":
        gradient = (real_rows.mean(0) - fake_rows.mean(0)).square().sum()
        projection = (real_dots.mean() - fake_dots.mean()) ** 2
    else:
        gradient = (real_rows.norm(dim=1).mean() - fake_rows.norm(dim=1).mean()) ** 2
        projection = (real_dots.abs().mean() - fake_dots.abs().mean()) ** 2
    losses = model.generator_loss(step)
    assert losses["gradient"].item() == pytest.approx(2 * gradient.item(), rel=1e-3, abs=1e-10)
    assert losses["projection"].item() == pytest.approx(3 * projection.item(), rel=1e-3, abs=1e-10)
    scores = [model.scores(images).sigmoid().mean() for images in (x, fake)]
    assert losses["score"].item() == pytest.approx(abs((scores[0] - scores[1]).item()), rel=1e-4)


def curved(weights: torch.Tensor) -> Any:
    """A smooth discriminator: sin of a linear function, whose gradient changes from point to point."""
    return lambda images: torch.sin(images.flatten(1) @ weights)


@pytest.mark.parametrize("matching", ["vector", "norm"])
@pytest.mark.parametrize("term", ["gradient", "projection"])
def test_matching_trains_the_generator_through_live_gradients(term: str, matching: str, compose: Any) -> None:
    model = model_of(compose, f"model.matching={matching}")
    replace(model.discriminator, "forward", curved(torch.linspace(-1, 1, 64, dtype=torch.float64)))
    step = a_step()
    shift = torch.zeros(64, dtype=torch.float64, requires_grad=True)
    base = 0.5 * torch.randn(6, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(7))
    real = step.batch.images.double()

    def value(moved: torch.Tensor) -> torch.Tensor:
        return model.generator_terms(real, (base + moved).view(6, 1, 8, 8))[term]

    (gradient,) = torch.autograd.grad(value(shift), shift)
    assert gradient.abs().sum() > 0
    direction = torch.randn(64, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    ahead, behind = (value((sign * 1e-6 * direction).requires_grad_()) for sign in (1, -1))
    assert float(gradient @ direction) == pytest.approx((ahead - behind).item() / 2e-6, rel=1e-4)


def test_every_term_of_the_generator_reaches_it(compose: Any) -> None:
    model = model_of(compose)
    for name, term in model.generator_loss(a_step()).items():
        assert reaches(term, model.generator), name


def test_a_linear_logits_gradients_match_anyway(compose: Any) -> None:
    model = model_of(compose, "model.matching=vector")
    weights = torch.linspace(-1, 1, 64)
    replace(model, "gradients", lambda points: weights.expand(len(points), 64))
    assert model.generator_loss(a_step())["gradient"].item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("matching", ["vector", "norm"])
def test_nothing_is_left_when_generated_images_are_the_real_ones(matching: str, compose: Any) -> None:
    model = model_of(compose, f"model.matching={matching}")
    images = a_step().batch.images
    losses = model.generator_terms(images, images.clone().requires_grad_())
    assert all(term.item() == pytest.approx(0, abs=1e-10) for term in losses.values())


def test_a_constant_discriminator_leaves_nothing_to_match(compose: Any) -> None:
    model = model_of(compose)
    replace(model.discriminator, "forward", lambda images: (0 * images).sum((1, 2, 3)) + 2)
    assert all(term.item() == 0 for term in model.generator_loss(a_step()).values())


@pytest.mark.parametrize(
    ("override", "phase", "gone"),
    [
        ("model.neighbours=0", "autoencoder", "neighbours"),
        ("model.reconstructions_as_real=0", "discriminator", "decoded/adversarial"),
        ("~model.penalties.gp", "discriminator", "gp"),
        ("model.gradient_matching=0", "generator", "gradient"),
        ("model.projection_matching=0", "generator", "projection"),
    ],
)
def test_each_term_has_its_switch(override: str, phase: str, gone: str, compose: Any) -> None:
    def names(model: Any) -> dict[str, set[str]]:
        step = a_step()
        return {phase.name: set(phase.loss(step)) for phase in model.phases()}

    whole, less = names(model_of(compose)), names(model_of(compose, override))
    assert whole[phase] - less[phase] == {gone}
    assert {k: v for k, v in whole.items() if k != phase} == {k: v for k, v in less.items() if k != phase}


def test_autoencoder_discriminator_generator(compose: Any, tmp_path: Path) -> None:
    assert updates(compose, tmp_path, "model=gngan") == [
        ("autoencoder", {"encoder", "generator"}),
        ("discriminator", {"discriminator"}),
        ("generator", {"generator"}),
    ]


@pytest.mark.parametrize(("steps", "batches"), [(1, 1), (3, 4)])
def test_all_three_updates_see_the_same_images(
    steps: int, batches: int, compose: Any, tmp_path: Path
) -> None:
    config, record = compose("model=gngan", f"model.discriminator_steps={steps}", "data.image_size=16")
    engine = Run(config, tmp_path, record).engine
    engine.iterate()
    assert engine.images_seen == batches * config.train.batch_size


@pytest.mark.parametrize("space", ["pixel", "feature"])
def test_works_in_bf16(space: str, compose: Any, tmp_path: Path) -> None:
    assert updates(compose, tmp_path, "model=gngan", f"model.space={space}", "gpu.precision=bf16")


@pytest.mark.parametrize("setting", ["neighbours", "gradient_matching", "projection_matching"])
def test_refuses_negative_weights(setting: str, compose: Any) -> None:
    with pytest.raises(UserError, match=rf"model\.{setting} must be 0 or more"):
        compose("model=gngan", f"model.{setting}=-1")
