from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.noise import Noise
from gan_experiments.penalties import R1, R2, Dragan, GradientPenalty, Penalty, RmsGradientPenalty
from gan_experiments.penalties.base import WeightedTerm

GP = GradientPenalty(weight=10.0, every=1, target=1.0)
SHAPE = (5, 2, 3, 3)


@pytest.fixture
def noise() -> Noise:
    return Noise(0, torch.device("cpu"))


@pytest.fixture
def batches() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    real, fake = (torch.randn(SHAPE, generator=generator, dtype=torch.float64) for _ in range(2))
    return real, fake


def linear(weight: Tensor) -> object:
    return lambda x: x.flatten(1) @ weight + 0.3


def value(penalty: Penalty, critic: object, batches: tuple[Tensor, Tensor], noise: Noise) -> Tensor:
    result = penalty.loss(critic, *batches, noise)  # type: ignore[arg-type]
    assert result is not None
    assert result.shape == ()
    return result


@pytest.mark.parametrize("target", [1.0, 0.25])
@pytest.mark.parametrize("kind", [GradientPenalty, Dragan])
def test_a_linear_critic_pays_for_the_norm_of_its_weights(
    kind: type[GradientPenalty], target: float, batches: tuple[Tensor, Tensor], noise: Noise
) -> None:
    weight = torch.linspace(-1, 2, 18, dtype=torch.float64, requires_grad=True)
    norm = weight.norm()
    penalty = value(kind(weight=10.0, every=1, target=target), linear(weight), batches, noise)
    torch.testing.assert_close(penalty, (norm - target) ** 2)
    (gradient,) = torch.autograd.grad(penalty, weight)
    torch.testing.assert_close(gradient, 2 * (norm - target) * weight / norm)


def test_the_root_mean_square_is_the_norm_over_the_root_of_the_dimensions(
    batches: tuple[Tensor, Tensor], noise: Noise
) -> None:
    weight = torch.linspace(-1, 2, 18, dtype=torch.float64)
    penalty = value(RmsGradientPenalty(weight=1.0, every=1, target=1.0), linear(weight), batches, noise)
    torch.testing.assert_close(penalty, (weight.norm() / 18**0.5 - 1) ** 2)


def test_a_zero_critic_pays_one_and_has_a_finite_gradient(
    batches: tuple[Tensor, Tensor], noise: Noise
) -> None:
    weight = torch.zeros(18, dtype=torch.float64, requires_grad=True)
    penalty = value(GP, linear(weight), batches, noise)
    assert penalty.item() == 1
    (gradient,) = torch.autograd.grad(penalty, weight)
    assert gradient.isfinite().all()


def test_the_norm_is_taken_per_sample_between_real_and_fake(
    batches: tuple[Tensor, Tensor], noise: Noise
) -> None:
    seen: list[Tensor] = []

    def half_square(x: Tensor) -> Tensor:
        seen.append(x.detach())
        return 1.5 * x.flatten(1).square().sum(1)

    penalty = value(GP, half_square, batches, noise)
    real, fake = batches
    share = ((seen[0] - fake) / (real - fake)).flatten(1)
    torch.testing.assert_close(share, share[:, :1].expand_as(share), atol=1e-9, rtol=0)
    assert ((share >= 0) & (share <= 1)).all()
    assert len(share[:, 0].unique()) == len(share)
    torch.testing.assert_close(penalty, (3 * seen[0].flatten(1).norm(dim=1) - 1).square().mean())


def test_the_share_is_uniform_along_the_line(noise: Noise) -> None:
    share = GP.points(torch.ones(4000, 1), torch.zeros(4000, 1), noise)
    assert share.mean().item() == pytest.approx(0.5, abs=0.02)
    assert share.var().item() == pytest.approx(1 / 12, abs=0.005)


def test_dragan_moves_real_images_by_half_their_deviation_at_most(noise: Noise) -> None:
    real = torch.linspace(-1, 1, 600).reshape(50, 3, 2, 2)
    points = Dragan(weight=10.0, every=1, target=1.0).points(real, -real, noise)
    shift = Noise(0, torch.device("cpu")).uniform(*real.shape) - 0.5
    torch.testing.assert_close(points, (real + real.std(correction=0) * shift).clamp(-1, 1))
    assert points.abs().max() == 1
    assert ((points - real).abs() <= 0.5 * real.std(correction=0) + 1e-6).all()


@pytest.mark.parametrize(("kind", "side"), [(R1, 0), (R2, 1)])
def test_r1_and_r2_of_a_quadratic_critic_in_closed_form(
    kind: type[WeightedTerm], side: int, batches: tuple[Tensor, Tensor], noise: Noise
) -> None:
    matrix = torch.randn(18, 18, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    matrix = (matrix + matrix.T).requires_grad_()

    def quadratic(x: Tensor) -> Tensor:
        return 0.5 * (x.flatten(1) @ (matrix + matrix.T) / 2 * x.flatten(1)).sum(1)

    penalty = value(kind(weight=5.0, every=1), quadratic, batches, noise)
    x = batches[side].flatten(1)
    torch.testing.assert_close(penalty, (x @ matrix).square().sum(1).mean())
    (gradient,) = torch.autograd.grad(penalty, matrix)
    outer = 2 * matrix.detach() @ x.T @ x / len(x)
    torch.testing.assert_close(gradient, (outer + outer.T) / 2)


@pytest.mark.parametrize(
    "penalty", [GP, Dragan(10.0, 1, 1.0), R1(5.0, 1), R2(5.0, 1)], ids=lambda p: type(p).__name__
)
def test_penalties_are_full_precision_under_autocast(penalty: Penalty) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(
        nn.Conv2d(2, 8, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(8, 1), nn.Flatten(0)
    )
    batches = torch.randn(SHAPE), torch.randn(SHAPE)
    plain = value(penalty, critic, batches, Noise(0, torch.device("cpu")))
    with torch.autocast("cpu", torch.bfloat16):
        assert critic(batches[0]).dtype == torch.bfloat16
        under = value(penalty, critic, batches, Noise(0, torch.device("cpu")))
    assert under.dtype == torch.float32
    torch.testing.assert_close(under, plain, atol=0, rtol=0)


def test_penalties_leave_the_batches_without_gradients(batches: tuple[Tensor, Tensor], noise: Noise) -> None:
    weight = torch.ones(18, dtype=torch.float64, requires_grad=True)
    for penalty in (GP, Dragan(10.0, 1, 1.0), R1(5.0, 1), R2(5.0, 1)):
        value(penalty, linear(weight), batches, noise).backward()
    assert not batches[0].requires_grad
    assert batches[0].grad is None
    assert batches[1].grad is None


def test_a_negative_weight_and_a_period_below_one_are_refused() -> None:
    with pytest.raises(UserError, match="weight must be 0 or more, not -1"):
        R1(weight=-1.0, every=1)
    with pytest.raises(UserError, match="every must be at least 1, not 0"):
        GradientPenalty(weight=1.0, every=0, target=1.0)
