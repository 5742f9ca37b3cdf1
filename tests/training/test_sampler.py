"""The one place that samples: modes come back, nothing is remembered, no gradient is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gan_experiments.training.run import Run
from gan_experiments.training.sampler import Sampler
from gan_experiments.types import Inputs


def latents(count: int) -> Inputs:
    return Inputs(torch.randn(count, 100, generator=torch.Generator().manual_seed(0)))


def test_sampling_leaves_training_as_it_was(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=dcgan")
    run = Run(config, tmp_path, record)
    run.engine.iterate()
    run.networks["discriminator"].eval()
    before = {k: v.clone() for k, v in run.networks["generator"].state_dict().items()}
    rng = torch.get_rng_state()
    noise = run.engine.noise.state_dict()
    images = Sampler(run.model, run.networks, config.gpu, run.device)(latents(5))
    assert images.shape == (5, 1, 32, 32)
    assert not images.requires_grad
    assert run.networks["generator"].training
    assert not run.networks["discriminator"].training  # each mode comes back, not one for all
    after = run.networks["generator"].state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)  # batch statistics too
    assert torch.equal(rng, torch.get_rng_state())
    assert torch.equal(noise, run.engine.noise.state_dict())


def test_a_run_samples_its_averaged_weights(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=dcgan", "network.width=2", "data.image_size=16")
    run = Run(config, tmp_path, record)
    for _ in range(2):
        run.engine.iterate()
    inputs = latents(3)
    assert not run.engine.ema["generator"].training
    torch.testing.assert_close(run.sampler(inputs), run.engine.ema["generator"](inputs.z))
    live = Sampler(run.model, run.networks, config.gpu, run.device)
    assert not torch.allclose(live(inputs), run.sampler(inputs))


def test_modes_come_back_where_sampling_fails(compose: Any) -> None:
    config, _ = compose("model=gan", "network=mlp", "data.image_size=16")
    networks = config.model.build(config.network, config.loss, config.data.shape)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        Sampler(config.model, networks, config.gpu, torch.device("cpu"))(Inputs(torch.zeros(3, 7)))
    assert all(network.training for network in networks.values())


def test_scores_and_panels_are_of_evaluation_mode_and_without_a_gradient(compose: Any) -> None:
    config, _ = compose("model=vaegan", "network=mlp", "data.image_size=16")
    networks = config.model.build(config.network, config.loss, config.data.shape)
    images = torch.rand(4, 1, 16, 16) * 2 - 1
    sampler = Sampler(config.model, networks, config.gpu, torch.device("cpu"))
    scores, panels = sampler.scores(images), sampler.panels(Inputs(images=images))
    assert any(
        isinstance(module, nn.Module) and network.training
        for network in networks.values()
        for module in network.modules()
    )
    for network in networks.values():
        network.eval()
    torch.testing.assert_close(scores, networks["discriminator"](images).detach())
    codes = networks["encoder"](images)[:, : config.model.latent_dim]
    torch.testing.assert_close(panels["reconstruction"], networks["generator"](codes).detach())
    assert not scores.requires_grad
    assert not panels["reconstruction"].requires_grad


def test_samples_are_float32_in_bf16(compose: Any) -> None:
    config, _ = compose("model=gan", "network=mlp", "data.image_size=16", "gpu.precision=bf16")
    networks = config.model.build(config.network, config.loss, config.data.shape)
    sampler = Sampler(config.model, networks, config.gpu, torch.device("cpu"))
    inputs = latents(4)[:4]
    images = sampler(Inputs(inputs.z[:, : config.model.latent_dim]))
    assert images.dtype is torch.float32
    full = networks["generator"](inputs.z[:, : config.model.latent_dim]).detach()
    assert 0 < (images - full).abs().max() < 0.05  # in bf16, as the run trains
