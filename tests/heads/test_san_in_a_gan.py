"""SAN against methods' own mathematics: which gradient reaches what, and which weights the direction sees."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gan_experiments.errors import UserError
from gan_experiments.heads.san import SanHead, weighted_mean
from gan_experiments.models import Gan, Step
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape

LOSSES = ["hinge", "wasserstein", "minimax", "non_saturating", "softplus_least_squares"]


def built(compose: Any, *overrides: str) -> tuple[Gan, Step]:
    config, _ = compose("model=san", "network=mlp", "model.discriminator_norm=none", *overrides)
    torch.manual_seed(0)
    config.model.build(config.network, config.loss, ImageShape(1, 8))
    images = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * 2 - 1
    step = Step(0, 0.0, Noise(1, torch.device("cpu")), lambda: Batch(images), 6)
    config.model.shared_fakes(step)
    return config.model, step


def gradients(model: Gan, loss: torch.Tensor) -> dict[str, Any]:
    named = dict(model.discriminator.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True, retain_graph=True)
    return dict(zip(named, found, strict=True))


@pytest.mark.parametrize("loss", LOSSES)
def test_each_part_trains_its_own(loss: str, compose: Any) -> None:
    model, step = built(compose, f"loss={loss}")
    losses = model.discriminator_loss(step)
    function, direction = gradients(model, losses["adversarial"]), gradients(model, losses["direction"])
    for name in function:
        if name == "head.omega":
            assert function[name] is None
            omega = model.discriminator.head.omega
            assert abs(float(direction[name] @ omega)) < 1e-6 * float(direction[name].norm())  # tangent
            assert direction[name].norm() > 0
        else:
            assert direction[name] is None, name


def test_hinge_direction_is_the_difference_of_means(compose: Any) -> None:
    model, step = built(compose, "loss=hinge")
    losses = model.discriminator_loss(step)
    expected = (step.logged["score/fake"] - step.logged["score/real"]).item()
    assert losses["direction"].item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("loss", "sign"), [("non_saturating", -1), ("minimax", 1)])
def test_direction_weights_are_the_generators_slopes(loss: str, sign: int, compose: Any) -> None:
    model, step = built(compose, f"loss={loss}")
    fake = step.shared["fakes"].detach()
    real_scores, fake_scores = model.scores(step.batch.images).detach(), model.scores(fake).detach()
    # |d/df softplus(-f)| = sigmoid(-f) for non-saturating, |d/df softplus(f)| = sigmoid(f) for minimax
    mean = [
        (torch.sigmoid(sign * scores) * scores).sum() / torch.sigmoid(sign * scores).sum()
        for scores in (real_scores, fake_scores)
    ]
    assert model.discriminator_loss(step)["direction"].item() == pytest.approx(
        (mean[1] - mean[0]).item(), rel=1e-4
    )


def test_least_squares_is_refused_with_what_to_use_instead(compose: Any) -> None:
    config, _ = compose("model=san", "loss=least_squares")
    with pytest.raises(UserError, match="softplus_least_squares"):
        config.model.check(config.loss, config.data)


def test_omega_stays_on_the_sphere(compose: Any) -> None:
    model, _ = built(compose)
    head = model.discriminator.head
    assert isinstance(head, SanHead)
    head.omega.data.mul_(3.0)
    model.constrain()
    assert float(head.omega.norm()) == pytest.approx(1.0, abs=1e-6)


def test_wasserstein_direction_converges_to_the_difference_of_mean_features(compose: Any) -> None:
    model, step = built(compose, "loss=wasserstein")
    head = model.discriminator.head
    assert isinstance(head, SanHead)
    with torch.no_grad():
        real = model.discriminator.features(step.batch.images)
        fake = model.discriminator.features(step.shared["fakes"])
    optimizer = torch.optim.SGD([head.omega], lr=0.2 / float((real.mean(0) - fake.mean(0)).norm()))
    for _ in range(300):
        optimizer.zero_grad()
        loss = weighted_mean(model.loss, head.split(fake)[1]) - weighted_mean(model.loss, head.split(real)[1])
        loss.backward()
        optimizer.step()
        head.constrain()
    best = torch.nn.functional.normalize(real.mean(0) - fake.mean(0), dim=0)
    assert float(head.omega.detach() @ best) == pytest.approx(1.0, abs=1e-4)
