"""SAN's layer alone: what its scores are, which half trains what, and where omega ends up."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_experiments.heads.san import SanHead
from gan_experiments.losses import Hinge, Minimax, NonSaturating, SoftplusLeastSquares, Wasserstein

FEATURES = 12


@pytest.fixture
def head() -> SanHead:
    torch.manual_seed(0)
    return SanHead(FEATURES).double()


@pytest.fixture
def features() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    real = torch.randn(20, FEATURES, generator=generator, dtype=torch.float64) + 0.5
    return real, torch.randn(30, FEATURES, generator=generator, dtype=torch.float64)


def direction_loss(
    loss: Wasserstein | Minimax | SoftplusLeastSquares, head: SanHead, real: Tensor, fake: Tensor
) -> Tensor:
    """methods.md 11b: the difference of weighted means along omega."""
    (function_real, along_real), (function_fake, along_fake) = head.split(real), head.split(fake)
    r, g = loss.direction_weight(function_real), loss.direction_weight(function_fake)
    return -(r * along_real).sum() / r.sum() + (g * along_fake).sum() / g.sum()


def test_a_san_head_starts_as_an_ordinary_linear_layer() -> None:
    torch.manual_seed(3)
    linear = nn.Linear(FEATURES, 1, bias=False)
    torch.manual_seed(3)
    head = SanHead(FEATURES)
    h = torch.randn(7, FEATURES)
    torch.testing.assert_close(head(h), linear(h)[:, 0])
    assert abs(head.omega.double().norm().item() - 1) < 1e-6
    assert head.scale.item() == pytest.approx(linear.weight.norm().item())


def test_both_parts_have_the_value_of_the_score(head: SanHead, features: tuple[Tensor, Tensor]) -> None:
    function, direction = head.split(features[0])
    expected = head.scale * features[0] @ head.omega / head.omega.norm()
    for part in (head(features[0]), function, direction):
        torch.testing.assert_close(part, expected)


def test_each_part_trains_its_own_half(head: SanHead, features: tuple[Tensor, Tensor]) -> None:
    h = features[0].requires_grad_()
    function, direction = head.split(h)
    wanted = [h, head.scale, head.omega]
    to_h, to_scale, to_omega = torch.autograd.grad(function.sum(), wanted, allow_unused=True)
    torch.testing.assert_close(to_h, (head.scale * head.direction()).expand_as(h))
    torch.testing.assert_close(to_scale, (h @ head.direction()).sum())
    assert to_omega is None
    to_h, to_scale, to_omega = torch.autograd.grad(direction.sum(), wanted, allow_unused=True)
    assert to_h is None
    assert to_scale is None
    assert to_omega.abs().max() > 0.1


@pytest.mark.parametrize(
    "loss",
    [Wasserstein(), Hinge(), Minimax(0.0), NonSaturating(0.0), SoftplusLeastSquares()],
    ids=lambda x: type(x).__name__,
)
def test_the_gradient_of_the_direction_part_is_tangent_to_the_sphere(
    loss: Wasserstein, head: SanHead, features: tuple[Tensor, Tensor]
) -> None:
    for length in (1.0, 2.5):  # also when the stored direction has left the sphere
        with torch.no_grad():
            head.omega.mul_(length / head.omega.norm())
        (gradient,) = torch.autograd.grad(direction_loss(loss, head, *features), head.omega)
        assert gradient.norm() > 1e-3
        assert abs((gradient @ head.omega).item()) < 1e-12


def test_the_constraint_returns_to_the_sphere_and_keeps_the_scores() -> None:
    torch.manual_seed(0)
    head, h = SanHead(4096), torch.randn(5, 4096)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1, betas=(0.0, 0.9))
    for _ in range(3):
        function, direction = head.split(h)
        optimizer.zero_grad()
        (function.square().mean() + direction.mean()).backward()
        optimizer.step()
        assert abs(head.omega.double().norm().item() - 1) > 0.1
        scores = head(h)
        head.constrain()
        assert abs(head.omega.double().norm().item() - 1) < 1e-6
        torch.testing.assert_close(head(h), scores)


def test_the_best_direction_for_fixed_features_joins_the_means(
    head: SanHead, features: tuple[Tensor, Tensor]
) -> None:
    optimizer = torch.optim.SGD([head.omega], lr=0.3)
    for _ in range(300):
        optimizer.zero_grad()
        direction_loss(Wasserstein(), head, *features).backward()
        optimizer.step()
        head.constrain()
    gap = features[0].mean(0) - features[1].mean(0)
    torch.testing.assert_close(head.omega.detach(), gap / gap.norm(), atol=1e-6, rtol=0)


def test_undecided_scores_weigh_evenly_so_that_the_games_share_wassersteins_direction_part(
    head: SanHead,
) -> None:
    along = head.direction().detach()
    flat = torch.randn(9, FEATURES, dtype=torch.float64)
    flat = flat - (flat @ along)[:, None] * along  # every score is 0
    wasserstein = torch.autograd.grad(direction_loss(Wasserstein(), head, flat[:4], flat[4:]), head.omega)[0]
    for loss in (Minimax(0.0), NonSaturating(0.0)):
        game = torch.autograd.grad(direction_loss(loss, head, flat[:4], flat[4:]), head.omega)[0]
        torch.testing.assert_close(game, wasserstein)


def test_inside_the_hinges_margin_both_parts_together_are_the_linear_loss(
    head: SanHead, features: tuple[Tensor, Tensor]
) -> None:
    real, fake = (0.05 * h for h in features)
    (function_real, _), (function_fake, _) = head.split(real), head.split(fake)
    assert max(function_real.abs().max(), function_fake.abs().max()) < 1
    function = Hinge().discriminator(function_real, function_fake)
    torch.testing.assert_close(function, 2 - function_real.mean() + function_fake.mean())
    both = function + direction_loss(Hinge(), head, real, fake)
    plain = -head(real).mean() + head(fake).mean()
    for ours, theirs in zip(
        torch.autograd.grad(both, [head.omega, head.scale]),
        torch.autograd.grad(plain, [head.omega, head.scale]),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("loss", [Wasserstein(), Hinge(), NonSaturating(0.0)], ids=lambda x: type(x).__name__)
@pytest.mark.parametrize("classes", [0, 3])
def test_terms_are_the_loss_of_the_function_and_the_direction_part(loss: Wasserstein, classes: int) -> None:
    torch.manual_seed(0)
    head, labels = SanHead(FEATURES, classes).double(), torch.arange(9) % 3 if classes else None
    real, fake = torch.randn(2, 9, FEATURES, dtype=torch.float64).unbind()
    rows = head.direction() if classes == 0 else head.direction()[labels]
    scale = head.scale if classes == 0 else head.scale[labels]
    scores = [scale * (features * rows).sum(-1) for features in (real, fake)]
    weights = [loss.direction_weight(part) for part in scores]
    means = [(w * f).sum() / w.sum() for w, f in zip(weights, scores, strict=True)]
    terms = head.terms(loss, real, fake, labels)
    expected = {"adversarial": loss.discriminator(*scores), "direction": means[1] - means[0]}
    torch.testing.assert_close(terms.losses, expected)
    torch.testing.assert_close([terms.real, terms.fake], scores)
    generator = head.generator_terms(loss, fake, labels)
    torch.testing.assert_close(generator, {"adversarial": loss.generator(scores[1])})
