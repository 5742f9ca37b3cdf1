from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from gan_experiments.errors import UserError
from gan_experiments.losses import (
    Hinge,
    LeastSquares,
    Loss,
    Minimax,
    NonSaturating,
    Relativistic,
    SoftplusLeastSquares,
    Wasserstein,
)

ALL = [Minimax(0.0), NonSaturating(0.0), Wasserstein(), Hinge(), LeastSquares(0.0), SoftplusLeastSquares()]
MONOTONE = [loss for loss in ALL if not isinstance(loss, LeastSquares)]
SCORES = torch.tensor([-10.0, -2.5, -0.3, 0.0, 0.7, 3.0, 10.0], dtype=torch.float64)

# Three outcomes with P = (.5, .3, .2) and Q = (.1, .6, .3), as ten samples of each.
REAL, FAKE = torch.tensor([0] * 5 + [1] * 3 + [2] * 2), torch.tensor([0] + [1] * 6 + [2] * 3)
P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.1, 0.6, 0.3], dtype=torch.float64)


def name(loss: Loss) -> str:
    return type(loss).__name__


def slope(function: object, at: Tensor) -> Tensor:
    """The derivative of a loss of one score at each of the scores."""
    at = at.clone().requires_grad_()
    torch.stack([function(score[None]) for score in at]).sum().backward()  # type: ignore[operator]
    assert at.grad is not None
    return at.grad


@pytest.mark.parametrize("loss", [Minimax(0.0), NonSaturating(0.0)], ids=name)
def test_the_optimal_discriminator_reaches_twice_the_jensen_shannon_divergence(loss: Minimax) -> None:
    optimal = (P / Q).log()  # the logit of p / (p + q)
    value = -loss.discriminator(optimal[REAL], optimal[FAKE])
    mixture = (P + Q) / 2
    divergence = ((P * (P / mixture).log()).sum() + (Q * (Q / mixture).log()).sum()) / 2
    assert divergence.item() == pytest.approx(0.10329453, abs=1e-8)
    assert value.item() == pytest.approx(-1.17970531, abs=1e-8)
    assert value.item() == pytest.approx(2 * divergence.item() - 2 * math.log(2), abs=1e-12)


@pytest.mark.parametrize("loss", [Minimax(0.0), NonSaturating(0.0)], ids=name)
def test_an_undecided_discriminator_loses_two_log_two(loss: Minimax) -> None:
    assert loss.discriminator(torch.zeros(4), torch.zeros(4)).item() == pytest.approx(
        2 * math.log(2), abs=1e-6
    )


def test_generator_gradients_of_the_two_games() -> None:
    sigmoid = SCORES.sigmoid()
    torch.testing.assert_close(slope(Minimax(0.0).generator, SCORES), -sigmoid)
    torch.testing.assert_close(slope(NonSaturating(0.0).generator, SCORES), sigmoid - 1)
    assert slope(Minimax(0.0).generator, SCORES)[0].item() == pytest.approx(-4.54e-5, abs=1e-8)
    assert slope(NonSaturating(0.0).generator, SCORES)[0].item() == pytest.approx(-0.99995, abs=1e-5)


def test_minimax_is_a_zero_sum_game_on_the_fakes() -> None:
    loss, real = Minimax(0.0), torch.zeros(3, dtype=torch.float64)
    constant = math.log(2)
    assert (loss.discriminator(real, SCORES) - constant + loss.generator(SCORES)).item() == pytest.approx(0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("game", [Minimax, NonSaturating])
def test_one_sided_smoothing_is_cross_entropy_against_the_smoothed_label(
    game: type[Minimax], smoothing: float
) -> None:
    real, fake = SCORES, SCORES.flip(0) + 0.2
    expected = binary_cross_entropy_with_logits(
        real, torch.full_like(real, 1 - smoothing)
    ) + binary_cross_entropy_with_logits(fake, torch.zeros_like(fake))
    torch.testing.assert_close(game(smoothing).discriminator(real, fake), expected)


@pytest.mark.parametrize("loss", [Minimax(0.1), NonSaturating(0.1), LeastSquares(0.1)], ids=name)
def test_the_smoothed_optimum_is_alpha_p_over_p_plus_q(loss: Minimax | LeastSquares) -> None:
    optimum = 0.9 * P / (P + Q)
    torch.testing.assert_close(optimum, torch.tensor([0.75, 0.30, 0.36], dtype=torch.float64))
    scores = (optimum if isinstance(loss, LeastSquares) else optimum.logit()).requires_grad_()
    (gradient,) = torch.autograd.grad(loss.discriminator(scores[REAL], scores[FAKE]), scores)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


@pytest.mark.parametrize("smoothing", [-0.1, 1.5])
@pytest.mark.parametrize("game", [Minimax, NonSaturating, LeastSquares])
def test_a_smoothing_outside_its_range_is_refused(game: type[Minimax], smoothing: float) -> None:
    with pytest.raises(UserError, match=r"loss.label_smoothing must be in \[0, 1\]"):
        game(smoothing)


def test_wasserstein_is_the_difference_of_means() -> None:
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([-1.0, 0.0, 4.0])
    assert Wasserstein().discriminator(real, fake).item() == -1.0
    assert Wasserstein().generator(fake).item() == -1.0


def test_hinge_is_linear_inside_the_margin_and_flat_beyond_it() -> None:
    real = torch.tensor([-0.9, 0.2, 0.99], dtype=torch.float64, requires_grad=True)
    fake = torch.tensor([0.9, -0.2, -0.99], dtype=torch.float64, requires_grad=True)
    inside = Hinge().discriminator(real, fake)
    linear = 2 + Wasserstein().discriminator(real, fake)
    torch.testing.assert_close(inside, linear)
    for hinge, straight in zip(
        torch.autograd.grad(inside, (real, fake)), torch.autograd.grad(linear, (real, fake)), strict=True
    ):
        torch.testing.assert_close(hinge, straight)
    beyond = Hinge().discriminator(real + 2, fake - 2)
    assert beyond.item() == 0
    assert all((g == 0).all() for g in torch.autograd.grad(beyond, (real, fake)))
    assert Hinge().generator(fake).item() == Wasserstein().generator(fake).item()


def test_hinge_value_on_both_sides_of_the_margin() -> None:
    assert Hinge().discriminator(torch.tensor([-1.0, 3.0]), torch.tensor([-3.0, 1.0])).item() == 2.0


def test_least_squares_values() -> None:
    loss, half = LeastSquares(0.0), torch.full((3,), 0.5)
    assert loss.discriminator(half, half).item() == 0.25
    assert loss.generator(half).item() == 0.125
    assert loss.discriminator(torch.ones(3), torch.zeros(3)).item() == 0
    # The optimum p / (p + q) leaves half of sum p q / (p + q).
    optimum = P / (P + Q)
    expected = (P * Q / (P + Q)).sum() / 2
    torch.testing.assert_close(loss.discriminator(optimum[REAL], optimum[FAKE]), expected)


def test_softplus_least_squares_values() -> None:
    real, fake = torch.tensor([1.0, 2.0], dtype=torch.float64), torch.tensor([0.0, -1.0], dtype=torch.float64)
    at_zero, at_minus_one, at_one, at_two = (math.log1p(math.exp(t)) ** 2 for t in (0.0, -1.0, 1.0, 2.0))
    loss = SoftplusLeastSquares()
    assert loss.discriminator(real, fake).item() == pytest.approx(at_zero + at_minus_one, abs=1e-12)
    assert loss.generator(fake).item() == pytest.approx((at_one + at_two) / 2, abs=1e-12)


@pytest.mark.parametrize("loss", MONOTONE, ids=name)
def test_the_direction_weight_is_the_slope_of_the_generators_loss(loss: Loss) -> None:
    scores = SCORES.clone().requires_grad_()
    weight = loss.direction_weight(scores)
    assert not weight.requires_grad
    torch.testing.assert_close(weight, slope(loss.generator, SCORES).abs())


def test_the_games_weigh_an_undecided_score_by_a_half() -> None:
    for loss in (Minimax(0.0), NonSaturating(0.0)):
        assert (loss.direction_weight(torch.zeros(5)) == 0.5).all()


def test_least_squares_refuses_san_and_names_the_remedy() -> None:
    with pytest.raises(UserError, match="loss=softplus_least_squares with model=san"):
        LeastSquares(0.0).direction_weight(SCORES)


@pytest.mark.parametrize("loss", ALL, ids=name)
def test_extreme_scores_give_finite_losses_and_gradients(loss: Loss) -> None:
    scores = torch.tensor([-1e4, 1e4], requires_grad=True)
    total = loss.discriminator(scores, scores) + loss.generator(scores)
    (gradient,) = torch.autograd.grad(total, scores)
    assert total.shape == ()
    assert total.isfinite()
    assert gradient.isfinite().all()


def test_relativistic_pairing_compares_each_pair() -> None:
    real, fake = torch.tensor([1.0, -2.0], dtype=torch.float64), torch.tensor([0.5, 3.0], dtype=torch.float64)
    real.requires_grad_()
    value = Relativistic().discriminator(real, fake)
    assert value.item() == pytest.approx(
        (math.log1p(math.exp(-0.5)) + math.log1p(math.exp(5.0))) / 2, abs=1e-12
    )
    (gradient,) = torch.autograd.grad(value, real)
    torch.testing.assert_close(gradient, -(fake - real).sigmoid() / 2)
    equal = Relativistic().discriminator(real + 7, fake + 7)  # only differences count
    assert equal.item() == pytest.approx(value.item(), abs=1e-12)
    for refused in (Relativistic().generator, Relativistic().direction_weight):
        with pytest.raises(UserError, match="loss=relativistic"):
            refused(fake)
