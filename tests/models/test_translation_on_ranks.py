"""Translation models on two ranks: what is drawn, pooled and learned is what one process has with the whole batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from translation_helpers import a_batch

import tiny
from gan_experiments import parallel
from gan_experiments.models import Step
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape

RANKS = 2
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
Results = dict[str, Tensor]


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


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=RANKS)
    torch.save({name: value.detach() for name, value in everything().items()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    folder: Path = tmp_path_factory.mktemp("ranks")
    spawn(work, (str(folder),), nprocs=RANKS)
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


def test_two_ranks_compute_the_gradients_and_keep_the_fakes_of_one_process(ranks: list[Results]) -> None:
    alone = everything()
    assert any("pool" in name for name in alone)
    for results in ranks:
        assert results.keys() == alone.keys()
        for name, expected in alone.items():
            scale = expected.abs().max().item()
            assert scale > 0
            torch.testing.assert_close(
                results[name],
                expected.detach(),
                rtol=1e-3,
                atol=1e-4 * scale,
                msg=lambda text, name=name: f"{name}: {text}",
            )
