"""Two ranks with half the batch each compute what one process computes with the whole batch."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gan_experiments import parallel
from gan_experiments.networks.layers import BatchNorm
from gan_experiments.noise import Noise
from gan_experiments.penalties import R1, Dragan, GradientPenalty
from on_ranks import RANKS, Results, on_ranks

pytestmark = pytest.mark.processors


def check_all_sum() -> Results:
    """all_sum of x^2 y over ranks, its gradient and the gradient of the gradient's square."""
    start = torch.arange(4, dtype=torch.float64)[parallel.local_slice(4)]
    x = (start + 1).requires_grad_()
    total = parallel.all_sum(x.pow(3).sum())
    (gradient,) = torch.autograd.grad(total.square(), x, create_graph=True)
    (second,) = torch.autograd.grad(gradient.square().sum(), x)
    return {"total": total, "gradient": gradient, "second": second}


def check_batch_norm() -> Results:
    """A critic with batch norm: scores, running statistics, and gradients of a loss with a penalty."""
    torch.manual_seed(0)
    convolutions = nn.Sequential(nn.Conv2d(2, 4, 3), BatchNorm(4), nn.LeakyReLU(0.2), nn.Conv2d(4, 3, 3))
    critic = nn.Sequential(
        convolutions, nn.Flatten(), BatchNorm(12), nn.Tanh(), nn.Linear(12, 1), nn.Flatten(0)
    )
    critic.double()
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    whole = 5 + 3 * torch.randn(8, 2, 6, 6, dtype=torch.float64)
    images = whole[parallel.local_slice(8)].requires_grad_()
    noise = Noise(3, torch.device("cpu"))
    scores = critic(images)
    terms = [scores.square().mean()]
    for penalty in (R1(1.0, 1), GradientPenalty(1.0, 1, 1.0), Dragan(1.0, 1, 1.0)):
        value = penalty.loss(critic, images, -images, noise)
        terms.append(value)
    results = {"scores": scores}
    loss = torch.stack(terms)
    loss.sum().backward()
    for name, tensor in {"terms": loss, **{n: p.grad for n, p in critic.named_parameters()}}.items():
        results[f"mean {name}"] = parallel.all_sum(tensor.detach()) / parallel.world_size()
    results["images"] = images.grad / parallel.world_size()
    results |= {f"same {name}": buffer for name, buffer in critic.named_buffers()}
    results["evaluation"] = critic.eval()(images)
    return results


def both() -> Results:
    return {**check_all_sum(), **check_batch_norm()}


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    return on_ranks(both, tmp_path_factory.mktemp("ranks"))


def test_all_sum_and_its_first_and_second_derivative(ranks: list[Results]) -> None:
    x = torch.arange(1, 5, dtype=torch.float64)
    total = x.pow(3).sum()
    # Every rank differentiates its own copy of total^2, so that x feels the sum over ranks.
    gradient = RANKS * 6 * total * x**2
    for rank, results in enumerate(ranks):
        mine = slice(2 * rank, 2 * rank + 2)
        assert results["total"] == total == 100
        torch.testing.assert_close(results["gradient"], gradient[mine])
    x.requires_grad_()
    gradient = RANKS * 6 * x.pow(3).sum() * x**2
    (second,) = torch.autograd.grad(gradient.square().sum(), x)
    torch.testing.assert_close(torch.cat([results["second"] for results in ranks]), second)


def test_alone_all_sum_is_the_identity() -> None:
    value = torch.ones(3)
    assert parallel.all_sum(value) is value


def test_batch_norm_and_penalties_see_the_whole_batch(ranks: list[Results]) -> None:
    alone = check_batch_norm()
    assert alone.keys() <= ranks[0].keys()
    for name, expected in alone.items():
        got = [results[name] for results in ranks]
        if name.startswith(("mean", "same")):
            for value in got:
                torch.testing.assert_close(
                    value, expected.detach(), msg=lambda text, name=name: f"{name}: {text}"
                )
        else:
            torch.testing.assert_close(
                torch.cat(got), expected.detach(), msg=lambda text, name=name: f"{name}: {text}"
            )
