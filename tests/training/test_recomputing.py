"""Runs that compute the inside of their blocks again in the backward pass against runs that keep it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_experiments.errors import UserError
from gan_experiments.training.recomputing import Recomputed, blocks
from gan_experiments.training.run import Run

CASES = {
    "power iterations and batch norm": ["model=sngan", "network=resnet"],
    "class batch norm": ["model=biggan"],
    "several critic steps": ["model=sngan", "network=resnet", "model.discriminator_steps=3"],
    "an input gradient": ["model=wgan_gp", "network=resnet"],
    "a lazy input gradient": ["model=stylegan2", "network=stylegan2"],
    "an encoder": ["model=distgan", "network=resnet"],
    "a shared batch of fakes": ["model=san", "network=resnet", "model.reuse_fakes=true"],
}


def trained(compose: Any, folder: Path, *words: str) -> Run:
    config, record = compose(*words, "network.width=4", "metrics=none")
    run = Run(config, folder, record)
    for _ in range(3):
        run.engine.iterate()
    return run


def state(run: Run) -> dict[str, torch.Tensor]:
    networks = {**run.networks, **{f"ema {name}": one for name, one in run.engine.ema.items()}}
    return {
        f"{name} {key}": value
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_that_of_one_pass(compose: Any, tmp_path: Path, name: str) -> None:
    kept = trained(compose, tmp_path, *CASES[name])
    recomputed = trained(compose, tmp_path, *CASES[name], "gpu.checkpointing=true")
    ours, expected = state(recomputed), state(kept)
    assert list(ours) == list(expected)
    for key, value in expected.items():
        assert torch.equal(ours[key], value), key
    assert recomputed.engine.drain() == kept.engine.drain()


def test_averages_recompute_with_their_own_weights(compose: Any, tmp_path: Path) -> None:
    run = trained(compose, tmp_path, *CASES["power iterations and batch norm"], "gpu.checkpointing=true")
    generator = run.networks["generator"]
    other = copy.deepcopy(generator)
    for weight in other.parameters():
        weight.data.zero_()
        weight.requires_grad_(True)
    latents = torch.randn(4, run.model.latent_dim)
    assert not torch.equal(other(latents), generator(latents))
    other(latents).sum().backward()


def test_less_is_kept(compose: Any, tmp_path: Path) -> None:
    kept = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        kept[-1] += tensor.numel()
        return tensor

    for words in ([], ["gpu.checkpointing=true"]):
        run = trained(compose, tmp_path, "model=sngan", "network=resnet", *words)
        kept.append(0)
        discriminator = run.networks["discriminator"].requires_grad_(True)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            discriminator(torch.randn(4, *run.shape.dims))
    assert kept[1] < kept[0] / 2


def test_blocks_are_the_smallest_parts_with_several_weights(compose: Any, tmp_path: Path) -> None:
    run = trained(compose, tmp_path, "model=sngan", "network=resnet", "gpu.checkpointing=true")
    assert {type(block).__name__ for block in blocks(run.networks["generator"])} == {"UpBlock"}
    assert {type(block).__name__ for block in blocks(run.networks["discriminator"])} == {"DownBlock"}
    assert all(isinstance(block, Recomputed) for block in blocks(run.networks["generator"]))


def test_networks_without_blocks_are_refused(compose: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="network=dcgan_small have no blocks|network=dcgan have no blocks"):
        trained(compose, tmp_path, "model=dcgan", "network=dcgan", "gpu.checkpointing=true")


@pytest.mark.parametrize("other", ["gpu.compile=true", "gpu.graphs=true"])
def test_recorded_and_compiled_runs_keep_everything(compose: Any, other: str) -> None:
    with pytest.raises(UserError, match=r"gpu\.checkpointing=true does without"):
        compose("gpu.checkpointing=true", other)
