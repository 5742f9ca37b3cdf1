"""The engine's contract, on models small enough to reckon by hand."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_experiments.config import Length
from gan_experiments.errors import RunError
from gan_experiments.models import LatentModel, Phase, Prior, Step
from gan_experiments.noise import Noise
from gan_experiments.training.checkpoints import kept
from gan_experiments.training.device import Gpu, Kind, Precision
from gan_experiments.training.engine import Engine
from gan_experiments.training.optim import Schedule, Sgd
from gan_experiments.training.run import Run
from gan_experiments.types import Batch

TEN = Length(10)


class Weight(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


@dataclass
class Toy(LatentModel):
    """Two numbers: `left` follows 3 * left + left * right (as first phase), `right` follows left * right."""

    def __post_init__(self) -> None:
        self.calls: list[str] = []
        self.left, self.right = Weight(1.0), Weight(2.0)

    def build(self, network: Any, loss: Any, shape: Any) -> dict[str, nn.Module]:
        return {"left": self.left, "right": self.right}

    def phases(self) -> list[Phase]:
        return [
            Phase("first", ("left",), self.first, repeat=2, after=lambda: self.calls.append("after")),
            Phase("second", ("right",), self.second, same_batch=True),
        ]

    def averaged(self) -> tuple[str, ...]:
        return ("left",)

    def first(self, step: Step) -> dict[str, Tensor]:
        self.calls.append(f"first {step.repeat} {step.batch.images.item():.0f}")
        return {"linear": 3 * self.left.value, "product": self.left.value * self.right.value}

    def second(self, step: Step) -> dict[str, Tensor]:
        self.calls.append(f"second {step.repeat} {step.batch.images.item():.0f}")
        return {"product": self.left.value * self.right.value}


def toy_engine(model: Toy, lr: float = 0.1, ema: float = 0.5, length: Length = TEN) -> Engine:
    batches = iter(range(1000))
    cpu = torch.device("cpu")
    return Engine(
        model,
        model.build(None, None, None),
        Sgd(
            lr=lr,
            discriminator_lr=None,
            schedule=Schedule.constant,
            decay_start=0,
            final_factor=0,
            momentum=0,
        ),
        Gpu(device=Kind.cpu, precision=Precision.fp32, devices=1, compile=False, channels_last=False),
        cpu,
        lambda: Batch(torch.tensor([float(next(batches))])),
        Noise(0, cpu),
        batch_size=1,
        length=length,
        ema=ema,
    )


def toy() -> Toy:
    return Toy(latent_dim=1, prior=Prior.normal)


def test_order_of_updates_and_batches() -> None:
    model = toy()
    engine = toy_engine(model)
    engine.iterate()
    # A fresh batch for each repeat; the second phase shares the first's last one.
    assert model.calls == ["first 0 0", "after", "first 1 1", "after", "second 0 1"]
    assert engine.images_seen == 2


def test_a_phase_computes_the_gradients_of_its_own_networks_alone() -> None:
    model = toy()
    update, seen = Engine._update, []
    engine = toy_engine(model)

    def watch(phase: Phase, step: Step) -> None:
        update(engine, phase, step)
        seen.append(
            [None if p.grad is None else p.grad.item() for p in (model.left.value, model.right.value)]
        )

    engine._update = watch  # type: ignore[method-assign]
    engine.iterate()
    # d/dleft = 3 + right twice, and only then d/dright = left, which is 1 - 2 * 0.1 * 5.
    assert seen == [[5, None], [5, None], [5, pytest.approx(0, abs=1e-6)]]


@pytest.mark.parametrize(("rate", "expected"), [("generator", 0.9), ("discriminator", 0.5)])
def test_a_phases_rate_is_the_one_that_it_names(rate: str, expected: float) -> None:
    model = toy()
    engine = toy_engine(model)
    engine.optim.lr, engine.optim.discriminator_lr = 0.02, 0.1
    engine.phases = [Phase("first", ("left",), model.first, rate=rate)]
    engine.iterate()
    assert model.left.value.item() == pytest.approx(expected)  # 1 - lr * (3 + 2)
    assert model.right.value.item() == 2


def test_what_phases_share_is_made_once_by_the_first_that_asks() -> None:
    made = []

    def make() -> Tensor:
        made.append(len(made))
        return torch.tensor(float(len(made)))

    step = Step(0, 0.0, Noise(0, torch.device("cpu")), lambda: Batch(torch.zeros(1)), 1)
    assert [step.once("fakes", make).item() for _ in range(3)] == [1, 1, 1]
    assert step.once("others", make).item() == 2
    assert made == [0, 1]


def test_progress_is_the_share_of_steps_or_of_images() -> None:
    seen: list[float] = []

    class Watching(Toy):
        def second(self, step: Step) -> dict[str, Tensor]:
            seen.append(step.progress)
            return super().second(step)

    engine = toy_engine(Watching(latent_dim=1, prior=Prior.normal), length=Length(4))
    for _ in range(4):
        engine.iterate()
    assert seen == [0, 0.25, 0.5, 0.75]
    assert engine.progress == 1
    seen.clear()
    engine = toy_engine(Watching(latent_dim=1, prior=Prior.normal), length=Length(4, images=10))
    while engine.progress < 1:
        engine.iterate()
    assert seen == [0, 0.2, 0.4, 0.6, 0.8]  # two images in a step
    assert (engine.step, engine.images_seen) == (5, 10)


def test_values_after_one_iteration() -> None:
    model = toy()
    engine = toy_engine(model)
    engine.iterate()
    # left: 1 - 2 * 0.1 * (3 + 2) = 0; right: 2 - 0.1 * left = 2.
    assert model.left.value.item() == pytest.approx(0.0, abs=1e-6)
    assert model.right.value.item() == pytest.approx(2.0, abs=1e-6)
    scalars = engine.drain()
    assert scalars["loss/first"] == pytest.approx(
        0.5 * (3 + 2), abs=1e-6
    )  # of the last repeat, at left = 0.5
    assert scalars["loss/first/linear"] == pytest.approx(1.5, abs=1e-6)
    assert scalars["loss/second"] == pytest.approx(0.0, abs=1e-6)
    assert "loss/second/product" not in scalars  # one term is the loss itself


def test_moving_average_ramps_up_then_decays() -> None:
    model = toy()
    engine = toy_engine(model, ema=0.5)
    engine.iterate()
    first = 0.1 * 1.0 + 0.9 * 0.0  # decay min(0.5, 1 / 10)
    assert engine.ema["left"].value.item() == pytest.approx(first, abs=1e-6)
    for _ in range(9):
        engine.iterate()
    before, weight = engine.ema["left"].value.item(), model.left.value.item()
    assert min(0.5, 11 / 20) == 0.5
    engine.iterate()
    assert engine.ema["left"].value.item() == pytest.approx(0.5 * before + 0.5 * model.left.value.item())
    assert weight != model.left.value.item()


def test_drain_is_the_mean_since_the_last_one() -> None:
    model = toy()
    engine = toy_engine(model, lr=0.1)
    lefts = []
    for _ in range(3):
        right = model.right.value.item()  # moves in the second phase only
        engine.iterate()
        lefts.append(model.left.value.item() + 0.1 * (3 + right))  # the loss was taken one update earlier
    assert engine.drain()["loss/first/linear"] == pytest.approx(3 * sum(lefts) / 3, rel=1e-4)
    assert engine.drain() == {}


def test_non_finite_loss_names_phase_and_first_step() -> None:
    model = toy()
    engine = toy_engine(model, lr=1e-3)
    engine.iterate()
    engine.iterate()
    model.right.value.data.fill_(math.inf)
    engine.iterate()
    engine.iterate()
    with pytest.raises(RunError, match="phase 'first' was not finite at step 2"):
        engine.drain()


def test_non_finite_run_keeps_the_last_good_checkpoint(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=gan", "train.steps=8")
    run = Run(config, tmp_path, record)
    iterate = run.engine.iterate

    def poison() -> None:
        if run.engine.step == 3:
            next(run.networks["generator"].parameters()).data.fill_(math.nan)
        iterate()

    run.engine.iterate = poison  # type: ignore[method-assign]
    with pytest.raises(RunError, match=r"phase '\w+' was not finite at step 3"):
        run.train()
    assert "step_00000002.pt" in {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert "step_00000004.pt" not in {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert kept(tmp_path) == f"the last good checkpoint is {tmp_path / 'checkpoints' / 'last.pt'}"
    assert '"status": "failed"' in (tmp_path / "summary.json").read_text()


def test_every_phase_moves_only_its_networks(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=san")
    run = Run(config, tmp_path, record)
    engine = run.engine
    for phase in list(engine.phases):
        engine.phases = [phase]
        before = {n: [p.detach().clone() for p in net.parameters()] for n, net in engine.networks.items()}
        engine.iterate()
        for name, network in engine.networks.items():
            moved = any(
                not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True)
            )
            assert moved == (name in phase.updates), (phase.name, name)


def test_bf16_keeps_weights_and_scores_in_float32(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=wgan_gp", "gpu.precision=bf16")
    run = Run(config, tmp_path, record)
    run.engine.iterate()
    scalars = run.engine.drain()
    assert all(math.isfinite(value) for value in scalars.values())
    for network in run.networks.values():
        assert all(p.dtype is torch.float32 for p in network.parameters())
    with run.config.gpu.autocast(run.device):
        assert run.networks["discriminator"](torch.zeros(2, 1, 32, 32)).dtype is torch.float32


def test_a_run_goes_on_in_another_memory_format(compose: Any, tmp_path: Path) -> None:
    runs = {}
    for setting in (True, False):
        config, record = compose("model=sngan", f"gpu.channels_last={setting}")
        runs[setting] = Run(config, tmp_path / str(setting), record)
    for _ in range(2):
        runs[True].engine.iterate()
    runs[False].engine.load_state_dict(copy.deepcopy(runs[True].engine.state_dict()))
    runs[False].loader.load_state_dict(runs[True].loader.state_dict())
    for run in runs.values():
        run.engine.iterate()
    for name, network in runs[True].networks.items():
        for one, other in zip(network.parameters(), runs[False].networks[name].parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.processors
def test_memory_format_does_not_change_the_method(compose: Any, tmp_path: Path) -> None:
    losses = {}
    for setting in (True, False):
        config, record = compose("model=sngan", f"gpu.channels_last={setting}")
        run = Run(config, tmp_path / str(setting), record)
        run.engine.iterate()
        losses[setting] = run.engine.drain()
    assert losses[True] == pytest.approx(losses[False], rel=1e-4, abs=1e-5)
