"""What the tests of single methods share."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_experiments.data.transforms import to_float
from gan_experiments.models import Model, Step
from gan_experiments.noise import Noise
from gan_experiments.training.run import Run
from gan_experiments.types import Batch, ImageShape

SHAPE = ImageShape(1, 8)
CPU = torch.device("cpu")


def built(compose: Any, *overrides: str) -> Any:
    """The model of these settings with small fully connected networks for 8x8 images."""
    config, _ = compose("network=mlp", *overrides)
    torch.manual_seed(0)
    config.model.build(config.network, config.loss, SHAPE)
    return config.model


def a_step(index: int = 0, progress: float = 0.0, size: int = 6) -> Step:
    """A step with `size` random images; its latents come from `same_noise()`."""
    images = torch.rand(size, *SHAPE.dims, generator=torch.Generator().manual_seed(index)) * 2 - 1
    return Step(index, progress, same_noise(), lambda: Batch(images), size)


def same_noise() -> Noise:
    return Noise(1, CPU)


def gradients(loss: Tensor, module: nn.Module) -> list[Tensor | None]:
    """The loss's gradient in each parameter of the module; None where there is no path."""
    return list(torch.autograd.grad(loss, list(module.parameters()), allow_unused=True, retain_graph=True))


def reaches(loss: Tensor, module: nn.Module) -> bool:
    """Whether the loss has a non-zero gradient in the module."""
    return loss.requires_grad and any(
        g is not None and bool(g.abs().sum() > 0) for g in gradients(loss, module)
    )


def updates(compose: Any, folder: Path, *overrides: str) -> list[tuple[str, set[str]]]:
    """One iteration of a run: the phases in the order of their updates, and the networks that each one moved."""
    config, record = compose("data.image_size=16", *overrides)
    engine = Run(config, folder, record).engine
    seen: list[tuple[str, set[str]]] = []
    update = engine._update

    def watch(phase: Any, step: Step) -> None:
        before = {name: parameters(network) for name, network in engine.networks.items()}
        update(phase, step)
        moved = {
            n for n, network in engine.networks.items() if not torch.equal(before[n], parameters(network))
        }
        seen.append((phase.name, moved))

    engine._update = watch  # type: ignore[method-assign]
    engine.iterate()
    assert all(torch.isfinite(torch.tensor(list(engine.drain().values()))))
    return seen


def real(run: Run, count: int) -> Tensor:
    """The first images that a run is trained on, as it sees them."""
    return to_float(torch.from_numpy(run.real.images[:count].copy()))


def parameters(network: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def state_comes_back(compose: Any, folder: Path, overrides: Iterable[str]) -> bool:
    """Whether a second engine that takes a first one's state after two steps makes the same third step."""
    runs = []
    for name in ("one", "two"):
        config, record = compose("data.image_size=16", *overrides)
        runs.append(Run(config, folder / name, record))
    one, two = runs
    for _ in range(2):
        one.engine.iterate()
    two.engine.load_state_dict(copy.deepcopy(one.engine.state_dict()))
    two.loader.load_state_dict(one.loader.state_dict())
    for run in runs:
        run.engine.drain()
        run.engine.iterate()
    first, second = one.engine.drain(), two.engine.drain()
    return first == second and bool(first)


def replace(model: Model, name: str, function: Any) -> None:
    """Put a plain function in the place of one of the model's networks."""
    setattr(model, name, function)
