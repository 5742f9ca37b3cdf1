"""Losses that are no mean over samples, on two ranks: their gradients are those of one process."""

from __future__ import annotations

import pytest
import torch

import tiny
from gan_experiments import parallel
from gan_experiments.models import Step
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape
from on_ranks import Results, assert_all_alike, on_ranks

pytestmark = pytest.mark.processors
GLOBAL = 8  # images
MODELS = ["mmdgan", "mmdgan_gp", "swgan", "sliced", "r3gan"]


def gradients(name: str) -> Results:
    """Each phase's gradients, averaged over ranks as the engine does."""
    plain = [] if name == "sliced" else ["model.discriminator_norm=none"]
    config, _ = tiny.compose(f"model={name}", "network=mlp", *plain)
    model = config.model
    torch.manual_seed(0)
    networks = model.build(config.network, config.loss, ImageShape(1, 8))
    images = torch.rand(GLOBAL, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
    batch = Batch(images[parallel.local_slice(GLOBAL)])
    step = Step(0, 0.0, Noise(1, torch.device("cpu")), lambda: batch, len(batch.images))
    results = {}
    for phase in model.phases():
        parameters = [p for network in phase.updates for p in networks[network].parameters()]
        found = torch.autograd.grad(sum(phase.loss(step).values()), parameters, retain_graph=True)
        flat = torch.cat([gradient.flatten() for gradient in found])
        results[f"{name} {phase.name}"] = parallel.all_sum(flat) / parallel.world_size()
    return results


def gathered() -> Results:
    rows = torch.arange(4.0).view(4, 1)[parallel.local_slice(4)].requires_grad_()
    whole = parallel.gather(rows)
    (gradient,) = torch.autograd.grad((whole**2).sum() / parallel.world_size(), rows)
    return {"rows": whole, "gradient": parallel.gather(gradient)}


def everything() -> Results:
    results = gathered()
    for name in MODELS:
        results |= gradients(name)
    return results


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    return on_ranks(everything, tmp_path_factory.mktemp("ranks"))


def test_two_ranks_compute_the_gradients_of_one_process(ranks: list[Results]) -> None:
    alone = everything()
    assert alone["rows"].tolist() == [[0], [1], [2], [3]]
    assert alone["gradient"].tolist() == [[0], [2], [4], [6]]
    assert_all_alike(ranks, alone)
