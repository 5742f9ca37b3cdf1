"""The engine's contract, on models small enough to reckon by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_experiments.errors import RunError
from gan_experiments.models import Model, Phase, Prior, Step
from gan_experiments.noise import Noise
from gan_experiments.training.device import Gpu, Kind, Precision
from gan_experiments.training.engine import Engine
from gan_experiments.training.optim import Schedule, Sgd
from gan_experiments.training.run import Run
from gan_experiments.types import Batch


class Weight(nn.Module):
    def __init__(self, value: float) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value))


@dataclass
class Toy(Model):
    """Two numbers: `left` follows 3 * left + left * right (as first phase), `right` follows left * right."""

    def __post_init__(self) -> None:
        self.calls: list[str] = []
        self.left, self.right = Weight(1.0), Weight(2.0)

    def phases(self) -> list[Phase]:
        return [
            Phase("first", ("left",), self.first, repeat=2, after=lambda: self.calls.append("after")),
            Phase("second", ("right",), self.second, same_batch=True),
        ]

    def averaged(self) -> tuple[str, ...]:
        return ("left",)

    def first(self, step: Step) -> dict[str, Tensor]:
        self.calls.append(f"first {step.repeat} {step.batch.images.item():.0f}")
        assert self.left.value.requires_grad
        assert not self.right.value.requires_grad
        return {"linear": 3 * self.left.value, "product": self.left.value * self.right.value}

    def second(self, step: Step) -> dict[str, Tensor]:
        self.calls.append(f"second {step.repeat} {step.batch.images.item():.0f}")
        assert self.right.value.requires_grad
        assert not self.left.value.requires_grad
        return {"product": self.left.value * self.right.value}


def toy_engine(model: Toy, lr: float = 0.1, ema: float = 0.5) -> Engine:
    batches = iter(range(1000))
    cpu = torch.device("cpu")
    return Engine(
        model,
        {"left": model.left, "right": model.right},
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
        steps=10,
        ema=ema,
    )


def toy() -> Toy:
    return Toy(latent_dim=1, prior=Prior.normal)


def test_order_of_updates_batches_and_freezing() -> None:
    model = toy()
    engine = toy_engine(model)
    engine.iterate()
    # A fresh batch for each repeat; the second phase shares the first's last one.
    assert model.calls == ["first 0 0", "after", "first 1 1", "after", "second 0 1"]
    assert engine.images_seen == 2


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
    with pytest.raises(RunError, match=r"phase '\w+' was not finite at step 3.*last\.pt") as caught:
        run.train()
    assert "step_00000002.pt" in {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert "step_00000004.pt" not in {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert str(tmp_path / "checkpoints" / "last.pt") in str(caught.value)
    assert '"status": "failed"' in (tmp_path / "summary.json").read_text()


def test_every_phase_moves_only_its_networks(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=san")
    run = Run(config, tmp_path, record)
    engine = run.engine
    for phase in list(engine.phases):
        engine.phases = [phase]
        before = {n: [p.detach().clone() for p in net.parameters()] for n, net in engine.networks.items()}
        if phase.name == "discriminator":  # what it needs from the generator's preparation
            phase.prepare = run.model.prepare
        engine.iterate()
        for name, network in engine.networks.items():
            moved = any(
                not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True)
            )
            assert moved == (name in phase.updates), (phase.name, name)


def test_generating_leaves_training_as_it_was(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=dcgan")
    run = Run(config, tmp_path, record)
    run.engine.iterate()
    before = {k: v.clone() for k, v in run.networks["generator"].state_dict().items()}
    rng = torch.get_rng_state()
    noise = run.engine.noise.state_dict()
    images = run.engine.generate(torch.randn(5, 100, generator=torch.Generator().manual_seed(0)))
    assert images.shape == (5, 1, 32, 32)
    assert not images.requires_grad
    assert run.networks["generator"].training
    after = run.networks["generator"].state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    assert torch.equal(rng, torch.get_rng_state())
    assert torch.equal(noise, run.engine.noise.state_dict())


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


@pytest.mark.processors
def test_memory_format_does_not_change_the_method(compose: Any, tmp_path: Path) -> None:
    losses = {}
    for setting in (True, False):
        config, record = compose("model=sngan", f"gpu.channels_last={setting}")
        run = Run(config, tmp_path / str(setting), record)
        run.engine.iterate()
        losses[setting] = run.engine.drain()
    assert losses[True] == pytest.approx(losses[False], rel=1e-4, abs=1e-5)
