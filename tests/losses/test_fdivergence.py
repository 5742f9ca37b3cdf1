"""The f-divergences against their definitions (methods of Nowozin et al. 2016, table 6)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.losses import (
    FDivergence,
    GanDivergence,
    JensenShannon,
    KullbackLeibler,
    Minimax,
    Neyman,
    NonSaturating,
    Pearson,
    ReverseKullbackLeibler,
    SquaredHellinger,
    TotalVariation,
)

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
Q = torch.tensor([0.1, 0.6, 0.3], dtype=torch.float64)
REAL, FAKE = torch.tensor([0] * 5 + [1] * 3 + [2] * 2), torch.tensor([0] + [1] * 6 + [2] * 3)
RATIO = P / Q
SCORES = torch.linspace(-3, 3, 13, dtype=torch.float64)

# f(u), f*(t), the score V at which g_f(V) = f'(r), and the divergence of P from Q.
Row = tuple[FDivergence, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor], Tensor, float]
TABLE: list[Row] = [
    (KullbackLeibler(True), lambda u: u * u.log(), lambda t: (t - 1).exp(), 1 + RATIO.log(), 0.51568178),
    (ReverseKullbackLeibler(True), lambda u: -u.log(), lambda t: -1 - (-t).log(), RATIO.log(), 0.37658405),
    (Pearson(True), lambda u: (u - 1) ** 2, lambda t: t**2 / 4 + t, 2 * (RATIO - 1), 1.78333333),
    (Neyman(True), lambda u: (1 - u) ** 2 / u, lambda t: 2 - 2 * (1 - t).sqrt(), 2 * RATIO.log(), 0.67),
    (
        SquaredHellinger(True),
        lambda u: (u.sqrt() - 1) ** 2,
        lambda t: t / (1 - t),
        RATIO.log() / 2,
        0.21436032,
    ),
    (
        JensenShannon(True),
        lambda u: u * u.log() - (u + 1) * ((u + 1) / 2).log(),
        lambda t: -(2 - t.exp()).log(),
        RATIO.log(),
        0.20658905,
    ),
    (
        GanDivergence(True),
        lambda u: u * u.log() - (u + 1) * (u + 1).log(),
        lambda t: -(1 - t.exp()).log(),
        RATIO.log(),
        -1.17970531,
    ),
]
NAMES = [type(row[0]).__name__ for row in TABLE]


def bound(loss: FDivergence, scores: Tensor) -> Tensor:
    """F(T) where outcome i has the score scores[i]."""
    return -loss.discriminator(scores[REAL], scores[FAKE])


@pytest.mark.parametrize(("loss", "f", "conjugate", "optimum", "divergence"), TABLE, ids=NAMES)
def test_the_bound_is_tight_at_the_optimum_and_nowhere_else(
    loss: FDivergence,
    f: Callable[[Tensor], Tensor],
    conjugate: Callable[[Tensor], Tensor],
    optimum: Tensor,
    divergence: float,
) -> None:
    assert (Q * f(RATIO)).sum().item() == pytest.approx(divergence, abs=1e-8)
    assert bound(loss, optimum).item() == pytest.approx(divergence, abs=1e-8)
    scores = optimum.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(bound(loss, scores), scores)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))
    for shift in torch.randn(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64):
        assert bound(loss, optimum + shift) < divergence


@pytest.mark.parametrize(("loss", "f", "conjugate", "optimum", "divergence"), TABLE, ids=NAMES)
def test_activation_conjugate_and_threshold_are_the_tables(
    loss: FDivergence,
    f: Callable[[Tensor], Tensor],
    conjugate: Callable[[Tensor], Tensor],
    optimum: Tensor,
    divergence: float,
) -> None:
    torch.testing.assert_close(loss.conjugate(SCORES), conjugate(loss.activation(SCORES)))
    ratio = RATIO.clone().requires_grad_()
    (derivative,) = torch.autograd.grad(f(ratio).sum(), ratio)
    torch.testing.assert_close(loss.activation(optimum), derivative)
    torch.testing.assert_close(f(RATIO) + loss.conjugate(optimum), RATIO * derivative)  # Fenchel's equality
    one = torch.ones(1, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(f(one).sum(), one)
    assert slope.item() == pytest.approx(loss.threshold, abs=1e-12)
    assert (loss.activation(SCORES).diff() > 0).all()  # a large score means real


def test_total_variation() -> None:
    loss = TotalVariation(True)
    exact = (P - Q).abs().sum().item() / 2
    assert bound(loss, 30 * (RATIO - 1).sign()).item() == pytest.approx(exact, abs=1e-12)
    assert bound(loss, SCORES[:3]).item() < exact


def test_the_gans_divergence_is_the_gan() -> None:
    real, fake = SCORES, SCORES.flip(0) / 2
    trick, plain = GanDivergence(True), GanDivergence(False)
    torch.testing.assert_close(trick.discriminator(real, fake), Minimax(0.0).discriminator(real, fake))
    torch.testing.assert_close(trick.generator(fake), NonSaturating(0.0).generator(fake))
    torch.testing.assert_close(plain.generator(fake), Minimax(0.0).generator(fake))
    difference = trick.discriminator(real, fake) - JensenShannon(True).discriminator(real, fake)
    assert difference.item() == pytest.approx(2 * math.log(2), abs=1e-12)


# The derivative of the generator's loss of one score v: -g'(v) with the trick, -d f*(g(v)) / dv without.
SLOPES: dict[type[FDivergence], tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    KullbackLeibler: (torch.ones_like, lambda v: (v - 1).exp()),
    ReverseKullbackLeibler: (lambda v: (-v).exp(), torch.ones_like),
    Pearson: (torch.ones_like, lambda v: v / 2 + 1),
    Neyman: (lambda v: (-v).exp(), lambda v: (-v / 2).exp()),
    SquaredHellinger: (lambda v: (-v).exp(), lambda v: v.exp()),
    JensenShannon: (lambda v: (-v).sigmoid(), lambda v: v.sigmoid()),
    GanDivergence: (lambda v: (-v).sigmoid(), lambda v: v.sigmoid()),
    TotalVariation: (lambda v: (1 - v.tanh() ** 2) / 2, lambda v: (1 - v.tanh() ** 2) / 2),
}


@pytest.mark.parametrize("trick", [True, False])
@pytest.mark.parametrize("kind", SLOPES, ids=lambda kind: kind.__name__)
def test_generator_gradients_and_directions(kind: type[FDivergence], trick: bool) -> None:
    loss, slope = kind(trick), SLOPES[kind][0 if trick else 1](SCORES)
    scores = SCORES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss.generator(scores), scores)
    torch.testing.assert_close(gradient, -slope / len(SCORES))
    if kind is Pearson and not trick:
        with pytest.raises(UserError, match="fgan_pearson"):
            loss.direction_weight(SCORES)
    else:
        with torch.no_grad():
            weight = loss.direction_weight(SCORES)
        assert not weight.requires_grad
        torch.testing.assert_close(weight, slope)


@pytest.mark.parametrize("kind", SLOPES, ids=lambda kind: kind.__name__)
def test_scores_as_large_as_float32_allows_give_finite_gradients(kind: type[FDivergence]) -> None:
    scores = torch.tensor([-80.0, 80.0], requires_grad=True)
    loss = kind(False)
    (gradient,) = torch.autograd.grad(loss.discriminator(scores, scores) + loss.generator(scores), scores)
    assert gradient.isfinite().all()
