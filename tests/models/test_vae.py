"""The VAE against Kingma & Welling: the divergence, the likelihoods, the reparametrisation and what is learned."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, gradients, real, replace, same_noise, updates
from torch.distributions import Bernoulli, Normal, kl_divergence

from gan_experiments.errors import UserError
from gan_experiments.models.autoencoder import divergence_from_prior, draw, posterior
from gan_experiments.training.run import Run
from gan_experiments.types import Inputs
from processors import SEED


def test_divergence_of_a_known_posterior() -> None:
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.5, 2.0]]).log()
    assert divergence_from_prior(mean, log_variance).item() == pytest.approx(2.75)


def test_divergence_and_its_gradient_are_those_of_torch() -> None:
    torch.manual_seed(0)
    mean, log_variance = torch.randn(2, 5, 7, dtype=torch.float64).unbind()
    mean.requires_grad_()
    log_variance.requires_grad_()
    normal = Normal(mean, (log_variance / 2).exp())
    reference = kl_divergence(normal, Normal(0.0, 1.0)).sum(1)
    ours = divergence_from_prior(mean, log_variance)
    assert torch.allclose(ours, reference)
    for a, b in zip(
        torch.autograd.grad(ours.sum(), [mean, log_variance]),
        torch.autograd.grad(reference.sum(), [mean, log_variance]),
        strict=True,
    ):
        assert torch.allclose(a, b)


def test_draws_have_the_posteriors_moments_and_gradients() -> None:
    mean = torch.tensor([[3.0, -1.0]]).expand(20000, 2).clone().requires_grad_()
    log_variance = torch.tensor([[0.25, 4.0]]).log().expand(20000, 2).clone().requires_grad_()
    sample = draw(mean, log_variance, same_noise())
    assert sample.mean(0).tolist() == pytest.approx([3, -1], abs=0.05)
    assert sample.std(0).tolist() == pytest.approx([0.5, 2], rel=0.02)
    by_mean, by_variance = torch.autograd.grad(sample.sum(), [mean, log_variance])
    assert torch.equal(by_mean, torch.ones_like(mean))
    assert torch.allclose(by_variance, (sample - mean) / 2, atol=1e-5)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_both_terms_are_the_evidence_lower_bound(likelihood: str, compose: Any) -> None:
    model = built(compose, "model=vae", f"model.likelihood={likelihood}", "model.beta=3")
    step = a_step()
    images = step.batch.images
    mean, log_variance = posterior(model.encoder(images))
    decoded = model.generator(draw(mean, log_variance, same_noise()))
    if likelihood == "bernoulli":
        inside = Bernoulli((decoded + 1) / 2, validate_args=False)
        expected = -inside.log_prob((images + 1) / 2).sum((1, 2, 3)).mean()
    else:
        dims = images[0].numel()
        density = Normal(decoded, 1.0).log_prob(images).sum((1, 2, 3)).mean()
        expected = -density - dims / 2 * math.log(2 * math.pi)
    losses = model.loss(step)
    assert set(losses) == {"reconstruction", "divergence"}
    assert losses["reconstruction"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert losses["divergence"].item() == pytest.approx(
        3 * divergence_from_prior(mean, log_variance).mean().item()
    )
    for a, b in zip(
        gradients(losses["reconstruction"], model.generator),
        gradients(expected, model.generator),
        strict=True,
    ):
        assert a is not None
        assert b is not None
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4)


def test_bernoulli_gradient_in_the_logits_is_the_difference_of_means(compose: Any) -> None:
    # d/da of the cross-entropy of sigmoid(2a) = (tanh(a) + 1) / 2 against t is 2 (p - t).
    model = built(compose, "model=vae")
    logits = torch.linspace(-4, 4, 9, requires_grad=True)
    target = torch.full((9,), 0.5)
    loss = model.negative_log_likelihood(logits.tanh()[None], target[None])
    (gradient,) = torch.autograd.grad(loss, logits)
    assert torch.allclose(gradient, 2 * ((logits.tanh() + 1) / 2 - 0.75), atol=1e-4)


def test_one_phase_moves_both_networks(compose: Any, tmp_path: Path) -> None:
    assert updates(compose, tmp_path, "model=vae") == [("autoencoder", {"encoder", "generator"})]


def test_encodes_to_the_posteriors_mean_and_reconstructs_from_it(compose: Any) -> None:
    model = built(compose, "model=vae", "model.latent_dim=3")
    networks = {"encoder": model.encoder, "generator": model.generator}
    images = a_step().batch.images
    codes = model.encode(networks, images)
    assert torch.equal(codes.z, model.encoder(images)[:, :3])
    panels = model.panels(networks, Inputs(images=images))
    assert list(panels) == ["image", "reconstruction"]
    assert torch.equal(panels["image"], images)
    assert torch.equal(panels["reconstruction"], model.generator(codes.z))


def test_a_perfect_posterior_costs_nothing(compose: Any) -> None:
    model = built(compose, "model=vae", "model.latent_dim=3")
    replace(model, "encoder", lambda images: torch.zeros(len(images), 6))
    assert model.loss(a_step())["divergence"].item() == 0


def test_reconstructions_are_recorded_in_pairs(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=vae", "data.image_size=16")
    run = Run(config, tmp_path, record)
    run.train()
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == [
        "reconstructions_00000004.png",
        "step_00000004.png",
    ]
    images = real(run, 3)
    panels = run.sampler.panels(Inputs(images=images))
    assert torch.equal(panels["image"], images)
    expected = run.model.panels(run.engine.ema, Inputs(images=images))
    assert torch.equal(panels["reconstruction"], expected["reconstruction"])
    assert not panels["reconstruction"].requires_grad


def test_works_in_bf16(compose: Any, tmp_path: Path) -> None:
    assert updates(compose, tmp_path, "model=vae", "gpu.precision=bf16")


@pytest.mark.parametrize(
    ("override", "message"),
    [("model.beta=-1", "model.beta must be"), ("model.prior=uniform", "must be normal")],
)
def test_refuses_values_that_make_no_sense(override: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=vae", override)


@pytest.mark.processors
@pytest.mark.parametrize("seed", range(SEED, SEED + 3))
def test_learns_to_reconstruct_digits(seed: int, compose: Any, tmp_path: Path) -> None:
    config, record = compose(
        "model=vae",
        "data.image_size=16",
        "network.width=32",
        "train.batch_size=64",
        "train.steps=200",
        f"seed={seed}",
    )
    run = Run(config, tmp_path, record)
    images = Inputs(images=real(run, 200))

    def error() -> float:
        panels = run.model.panels(run.networks, images)
        return float((panels["reconstruction"].detach() - panels["image"]).square().mean())

    untrained = error()
    for _ in range(200):
        run.engine.iterate()
    assert error() < untrained / 3
