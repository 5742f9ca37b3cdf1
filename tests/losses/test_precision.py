"""Losses, distances, kernels, penalties and heads compute in float32 also where the networks run in bfloat16."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules import module
from torch.utils._python_dispatch import TorchDispatchMode

import tiny
from gan_experiments import losses, penalties
from gan_experiments.components import find
from gan_experiments.config import Length
from gan_experiments.errors import UserError
from gan_experiments.heads import Head
from gan_experiments.losses import FDivergence, Loss, NoLoss, mmd, neighbours, patchnce, sliced
from gan_experiments.models import ebgan
from gan_experiments.noise import Noise
from gan_experiments.training.engine import Engine
from gan_experiments.types import Batch

CPU = torch.device("cpu")
TOLERANCE = 1e-5  # relative; products of bfloat16 are off by 1e-3 and more


def draw(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


X, Y = draw(32, 24, seed=0), draw(32, 24, seed=1) + 0.1
UNIT = nn.functional.normalize(draw(50, 24, seed=2), dim=1)
PATCHES = [nn.functional.normalize(draw(4, 9, 24, seed=seed), dim=2) for seed in (3, 4)]

DISTANCES: dict[str, tuple[Callable[..., Tensor], list[Tensor]]] = {
    "squared distances": (mmd.squared_distances, [X, Y]),
    "gaussian": (lambda x, y: mmd.biased_mmd2(lambda a, b: mmd.gaussian(a, b, [4.0]), x, y), [X, Y]),
    "rational quadratic": (
        lambda x, y: mmd.unbiased_mmd2(lambda a, b: mmd.rational_quadratic(a, b, [0.5, 2.0]), x, y),
        [X, Y],
    ),
    "witness": (
        lambda p, x, y: mmd.witness(lambda a, b: mmd.rational_quadratic(a, b, [1.0]), p, x, y),
        [X[:8], X, Y],
    ),
    "sliced": (sliced.sliced_wasserstein2, [X, Y, UNIT]),
    "neighbours": (neighbours.neighbour_divergence, [X, Y]),
    "patches": (lambda q, k: patchnce.patch_nce(q, k, 0.07), PATCHES),
    "pulling away": (ebgan.mean_squared_cosine, [X]),
}


def agree(function: Callable[..., Any], arguments: list[Tensor]) -> None:
    """Value and gradient of float32 under autocast against those of float64 without."""
    values = []
    for dtype in (torch.float64, torch.float32):
        given = [part.to(dtype).detach().requires_grad_() for part in arguments]
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.float32):
            value = function(*given)
        (gradient,) = torch.autograd.grad(value.sum(), given[:1], allow_unused=True)
        values.append((value.double(), torch.zeros(()) if gradient is None else gradient.double()))
        assert value.dtype is dtype
    for exact, found in zip(*values, strict=True):
        assert (exact - found).abs().max() <= TOLERANCE * exact.abs().max() + 1e-9


@pytest.mark.parametrize("name", DISTANCES)
def test_distances(name: str) -> None:
    agree(*DISTANCES[name])


def kinds(package: Any, base: type) -> list[type]:
    found = [kind for kind in vars(package).values() if isinstance(kind, type) and issubclass(kind, base)]
    return [kind for kind in found if not inspect.isabstract(kind) and kind not in (base, NoLoss)]


def with_defaults(kind: type) -> Any:
    values = {"label_smoothing": 0.1, "trick": True, "weight": 1.0, "every": 1, "target": 1.0, "decay": 0.5}
    values |= {"limit": 0.1, "generator_weight": 1.0}
    return kind(**{name: values[name] for name in inspect.signature(kind).parameters})


@pytest.mark.parametrize("kind", kinds(losses, Loss))
def test_losses(kind: type) -> None:
    if kind is FDivergence:
        return
    loss = with_defaults(kind)
    agree(loss.discriminator, [X[:, 0], Y[:, 0]])
    for part in (loss.generator, loss.direction_weight):
        try:
            part(torch.zeros(2))
        except UserError:
            continue
        agree(lambda scores, part=part: part(scores) + 0 * scores, [X[:, 0]])


class Quadratic(nn.Module):
    """A critic whose products autocast would round."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("matrix", draw(24, 24, seed=5))

    def forward(self, points: Tensor) -> Tensor:
        matrix: Tensor = self.matrix.to(points.dtype)  # type: ignore[operator]
        return ((points @ matrix) * points).sum(1)


@pytest.mark.parametrize("kind", kinds(penalties, penalties.Penalty))
def test_penalties(kind: type) -> None:
    """What a penalty does with scores and their gradients; the critic itself runs in the networks' precision."""
    penalty = with_defaults(kind)
    if not penalty.differentiates_input:
        agree(lambda x, y: with_defaults(kind).loss(lambda p: p[:, 0], x, y, Noise(0, CPU)), [X, Y])
        return
    values = []
    for dtype in (torch.float64, torch.float32):
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype is torch.float32):
            values.append(penalty.loss(Quadratic(), X.to(dtype), Y.to(dtype), Noise(0, CPU)))
    if values[0] is not None:
        assert values[1].item() == pytest.approx(values[0].item(), rel=1e-4)


@pytest.mark.parametrize("name", ["Linear", "Classifier", "Projection", "San", "ClassSan"])
def test_heads(name: str) -> None:
    head: Head = with_defaults(find("head", name))
    layer = head.build(24, 5, nn.Linear)
    labels = torch.arange(32) % 5

    def terms(real: Tensor, fake: Tensor) -> Tensor:
        layer.to(real.dtype)
        found = layer.terms(losses.Hinge(), real, fake, labels).losses
        return torch.stack([*found.values(), *layer.generator_terms(losses.Hinge(), real, labels).values()])

    agree(terms, [X, Y])


class Coarse(TorchDispatchMode):
    """Collects the operations outside of every network whose result is bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = 0
        self.found: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if self.depth == 0 and isinstance(result, Tensor) and result.dtype is torch.bfloat16:
            self.found.add(str(func))
        return result

    @contextmanager
    def outside_networks(self) -> Iterator[None]:
        def enter(*_: Any) -> None:
            self.depth += 1

        def leave(*_: Any) -> None:
            self.depth -= 1

        handles = [module.register_module_forward_pre_hook(enter), module.register_module_forward_hook(leave)]
        try:
            with self:
                yield
        finally:
            for handle in handles:
                handle.remove()


@pytest.mark.parametrize("model", tiny.MODELS)
def test_no_method_computes_in_16_bits_outside_its_networks(model: str) -> None:
    config, _ = tiny.compose(f"model={model}", "network=mlp", "data.image_size=16", "gpu.precision=bf16")
    networks = config.model.build(config.network, config.loss, config.data.shape)
    batch = Batch(torch.rand(8, *config.data.shape.dims) * 2 - 1, torch.arange(8))
    engine = Engine(
        config.model, networks, config.optim, config.gpu, CPU, lambda: batch, Noise(0, CPU), 8, Length(4), 0.0
    )
    coarse, forward = Coarse(), [(phase, phase.loss) for phase in engine.phases]
    for phase, loss in forward:

        def watched(step: Any, loss: Any = loss) -> Any:
            with coarse.outside_networks():
                return loss(step)

        phase.loss = watched
    for _ in range(2):
        engine.iterate()
    assert not coarse.found
