"""Translation models on two ranks: what is drawn, pooled and learned is what one process has with the whole batch."""

from __future__ import annotations

import pytest
import torch
from translation_helpers import a_batch

import tiny
from gan_experiments import parallel
from gan_experiments.models import Step
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape
from on_ranks import Results, assert_all_alike, on_ranks

GLOBAL = 4  # images
STEPS = 3  # enough for a pool of six to be full and exchanged
SHAPE = ImageShape(3, 8, source=ImageShape(3, 8))
CASES = {
    "pix2pix": [],
    "cyclegan": ["model.pool=6"],
    "cyclegan unet": ["model.pool=6", "network=unet"],
    "cut": ["model.places=16"],
    "cut unet": ["network=unet", "model.places=16"],
    "fastcut": ["model.places=16"],
}


def of_model(name: str) -> Results:
    """Each phase's gradients in some steps, averaged over ranks as the engine does; the pool in the end."""
    sizes = ("network.width=2", "network.discriminator_layers=1")
    config, _ = tiny.compose(f"model={name.split()[0]}", *CASES[name], *sizes)
    model = config.model
    torch.manual_seed(0)
    networks = model.build(config.network, config.loss, SHAPE)
    noise, results = Noise(1, torch.device("cpu")), {}
    for index in range(STEPS):
        whole, mine = a_batch(GLOBAL, SHAPE, seed=2 * index), parallel.local_slice(GLOBAL)
        assert whole.sources is not None
        batch = Batch(whole.images[mine], sources=whole.sources[mine])
        step = Step(index, 0.0, noise, lambda batch=batch: batch, len(batch.images))
        for phase in model.phases():
            parameters = [p for network in phase.updates for p in networks[network].parameters()]
            gradients = torch.autograd.grad(sum(phase.loss(step).values()), parameters, retain_graph=True)
            flat = torch.cat([gradient.flatten() for gradient in gradients])
            results[f"{name} {index} {phase.name}"] = parallel.all_sum(flat) / parallel.world_size()
    for domain, state in model.state().get("pools", {}).items():
        results[f"{name} pool {domain}"] = state["images"]
    return results


def everything() -> Results:
    results: Results = {}
    for name in CASES:
        results |= of_model(name)
    return results


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    return on_ranks(everything, tmp_path_factory.mktemp("ranks"))


def test_two_ranks_compute_the_gradients_and_keep_the_fakes_of_one_process(ranks: list[Results]) -> None:
    alone = everything()
    assert any("pool" in name for name in alone)
    assert_all_alike(ranks, alone)
