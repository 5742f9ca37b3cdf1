"""Iterations recorded as CUDA graphs against the same run without; what does not need a GPU is checked without one."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_experiments.errors import UserError
from gan_experiments.models import Step
from gan_experiments.noise import Noise
from gan_experiments.training.graphs import copied, refill
from gan_experiments.training.run import Run
from gan_experiments.types import Batch
from tiny import weights

CUDA = torch.cuda.is_available()
needs_cuda = pytest.mark.skipif(not CUDA, reason="needs a CUDA device")
UPDATES = 12
CASES = {
    "plain": ["model=san"],
    "several critic steps": ["model=wgan_gp", "model.discriminator_steps=3"],
    "every other update": [  # both kinds are recorded before the end
        "model=gan", "+penalty@model.penalties.r1=r1", "model.penalties.r1.every=2",
    ],
    "a balance": ["model=began"],
    "running means": ["model=gan", "+penalty@model.penalties.lecam=lecam"],
    "rmsprop and clipping": ["model=wgan"],
    "sgd": ["model=gan", "optim=sgd"],
    "labels": ["model=acgan"],
    "a falling rate": ["model=san", "optim.schedule=linear", "optim.decay_start=0"],
    "noise that ends": ["model=gan", "model.instance_noise=0.1", "model.instance_noise_until=0.7"],
    "reconstructions": ["model=distgan"],
    "two gradients": ["model=gngan"],
    "a mapping network": ["model=stylegan2", "network=stylegan2"],
    "in 16 bits": ["model=san", "gpu.precision=bf16"],
}  # fmt: skip


def trained(compose: Any, folder: Path, *words: str, updates: int = UPDATES) -> Run:
    torch.backends.cudnn.deterministic = True
    config, record = compose(*words, "gpu=cuda", f"train.steps={UPDATES}", "metrics=none")
    run = Run(config, folder, record)
    torch.backends.cudnn.benchmark = False
    for _ in range(updates):
        run.engine.iterate()
    return run


@pytest.mark.gpu
@needs_cuda
@pytest.mark.parametrize("name", CASES)
def test_replayed_updates_are_those_of_a_run_without_graphs(compose: Any, tmp_path: Path, name: str) -> None:
    plain = trained(compose, tmp_path, *CASES[name])
    replayed = trained(compose, tmp_path, *CASES[name], "gpu.graphs=true")
    graphs = replayed.engine.graphs
    assert graphs is not None
    assert graphs.recordings
    moved = weights(plain) - weights(trained(compose, tmp_path, *CASES[name], updates=0))
    # Gradients near zero take either sign (atomic additions), and adaptive rates make full steps of them.
    assert (weights(replayed) - weights(plain)).norm() < 0.02 * moved.norm()
    assert torch.equal(replayed.engine.noise.state_dict(), plain.engine.noise.state_dict())
    assert replayed.engine.images_seen == plain.engine.images_seen
    assert replayed.engine.drain() == pytest.approx(plain.engine.drain(), rel=1e-2, abs=1e-3)


@pytest.mark.gpu
@needs_cuda
def test_a_replayed_run_resumes_exactly(compose: Any, tmp_path: Path) -> None:
    whole = trained(compose, tmp_path, "model=san", "gpu.graphs=true")
    first = trained(compose, tmp_path, "model=san", "gpu.graphs=true", updates=6)
    second = trained(compose, tmp_path, "model=san", "gpu.graphs=true", updates=0)
    second.engine.load_state_dict(first.engine.state_dict())
    second.loader.load_state_dict(first.loader.state_dict())
    for _ in range(UPDATES - 6):
        second.engine.iterate()
    torch.testing.assert_close(weights(second), weights(whole), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("optim", ["adam", "rmsprop", "sgd"])
def test_a_run_without_graphs_goes_on_from_one_with(compose: Any, tmp_path: Path, optim: str) -> None:
    words = ("model=gan", f"optim={optim}", "metrics=none")
    composed = [compose(*words) for _ in range(3)]  # a model belongs to one run
    whole, first, second = (Run(config, tmp_path, record) for config, record in composed)
    for run, updates in ((whole, 4), (first, 2)):
        for _ in range(updates):
            run.engine.iterate()
    state = copy.deepcopy(first.engine.state_dict())
    for optimizer in state["optimizers"].values():  # as a recorded run saves it
        optimizer["param_groups"][0] |= {"lr": torch.tensor(1e-3), "capturable": True}
    second.engine.load_state_dict(state)
    second.loader.load_state_dict(first.loader.state_dict())
    for _ in range(2):
        second.engine.iterate()
    assert torch.equal(weights(second), weights(whole))


@pytest.mark.skipif(CUDA, reason="needs a machine without a CUDA device")
def test_graphs_are_refused_without_a_cuda_device(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=san", "gpu.graphs=true")
    with pytest.raises(UserError, match=r"gpu\.graphs=true"):
        Run(config, tmp_path, record)


def test_graphs_are_refused_on_several_devices(compose: Any) -> None:
    with pytest.raises(UserError, match="of one device"):
        compose("gpu.graphs=true", "gpu.devices=2")


def test_a_step_notes_what_changes_from_one_to_the_next() -> None:
    step = Step(4, 0.25, Noise(0, torch.device("cpu")), lambda: Batch(torch.zeros(1)), 1)
    assert step.scheduled("falls", lambda progress: 1 - progress) == 0.75
    assert step.scheduled("ended", lambda progress: max(0, 0.2 - progress)) is None
    assert set(step.schedules) == {"falls", "ended"}
    step.factors["falls"] = torch.tensor(0.5)
    assert step.scheduled("falls", lambda progress: 1 - progress) is step.factors["falls"]
    assert not step.progress_read
    due = []
    for step.repeat in range(3):
        due.append(step.due(7, repeats=3))  # updates 12, 13 and 14 of this phase
    assert due == [False, False, True]
    assert set(step.lazy) == {(7, 3)}
    assert step.progress == 0.25
    assert step.progress_read


def test_a_batch_is_refilled_in_place() -> None:
    batch = Batch(torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last), torch.tensor([1, 2]))
    target = copied(batch)
    assert target.images.data_ptr() != batch.images.data_ptr()
    assert target.images.stride() == batch.images.stride()
    places = target.images.data_ptr(), target.labels.data_ptr()
    other = Batch(torch.randn(2, 3, 4, 4), torch.tensor([3, 4]))
    refill(target, other)
    assert torch.equal(target.images, other.images)
    assert target.labels.tolist() == [3, 4]
    assert places == (target.images.data_ptr(), target.labels.data_ptr())
    assert target.sources is None
