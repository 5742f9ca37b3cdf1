"""Every head: its scores, its terms, and that it scores in full precision."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus

from gan_experiments.heads import Classifier, ClassSan, Head, HeadLayer, Linear, Projection, San
from gan_experiments.heads.linear import LinearHead
from gan_experiments.losses import NonSaturating
from gan_experiments.networks import Discriminator, Trunk
from gan_experiments.networks.layers import spectral_linear

FEATURES, CLASSES = 12, 3
LABELS = torch.tensor([0, 1, 2, 2, 1, 0])
HEADS: dict[str, Callable[[], Head]] = {
    "linear": Linear,
    "san": San,
    "projection": Projection,
    "class_san": ClassSan,
    "classifier": lambda: Classifier(weight=0.5, generator_weight=2.0),
}


def layer(name: str, spectral: bool = False) -> tuple[HeadLayer, Tensor | None]:
    """A head, and the labels that it is told."""
    torch.manual_seed(0)
    head = HEADS[name]()
    linear = spectral_linear if spectral else nn.Linear
    return head.build(FEATURES, CLASSES, linear), LABELS if head.conditional else None


@pytest.mark.parametrize("spectral", [False, True])
@pytest.mark.parametrize("name", HEADS)
def test_heads_score_in_full_precision_under_autocast(name: str, spectral: bool) -> None:
    head, labels = layer(name, spectral)
    head.eval()
    trunk = Trunk(nn.Linear(FEATURES, FEATURES), FEATURES)
    h = torch.randn(6, FEATURES)
    expected = head(h, labels)
    with torch.autocast("cpu", torch.bfloat16):
        assert trunk(h).dtype == torch.bfloat16
        assert torch.equal(head(h, labels), expected)
        assert Discriminator(trunk, head).features(h).dtype == torch.float32
        scores = Discriminator(trunk, head)(h, labels)
        terms = head.terms(NonSaturating(0.0), h, h, labels)
    assert scores.shape == (6,)
    assert scores.dtype == torch.float32
    assert all(term.dtype == torch.float32 for term in terms.losses.values())


@pytest.mark.parametrize("name", HEADS)
def test_the_adversarial_terms_are_the_loss_of_the_scores(name: str) -> None:
    head, labels = layer(name)
    real, fake = torch.randn(2, 6, FEATURES).unbind()
    terms = head.terms(NonSaturating(0.0), real, fake, labels)
    torch.testing.assert_close([terms.real, terms.fake], [head(real, labels), head(fake, labels)])
    expected = softplus(-terms.real).mean() + softplus(terms.fake).mean()
    torch.testing.assert_close(terms.losses["adversarial"], expected)
    generator = head.generator_terms(NonSaturating(0.0), fake, labels)["adversarial"]
    torch.testing.assert_close(generator, softplus(-terms.fake).mean())


def test_the_linear_head() -> None:
    torch.manual_seed(0)
    head, h = LinearHead(FEATURES), torch.randn(6, FEATURES)
    torch.testing.assert_close(head(h), h @ head.linear.weight[0] + head.linear.bias)
    spectral = LinearHead(FEATURES, spectral_linear)
    assert spectral.linear.weight.norm().item() == pytest.approx(1)
    assert math.isclose(spectral(torch.zeros(1, FEATURES)).item(), spectral.linear.bias.item())


@pytest.mark.parametrize(("name", "spectral"), [("san", False), ("class_san", False), ("linear", True)])
def test_spectral_norm_keeps_away_from_sans_direction(name: str, spectral: bool) -> None:
    head, _ = layer(name, spectral=True)
    assert (
        any(isinstance(module, nn.utils.parametrize.ParametrizationList) for module in head.modules())
        == spectral
    )


def test_the_projection_head_adds_the_product_with_the_classs_row() -> None:
    head, _ = layer("projection")
    h = torch.randn(6, FEATURES)
    rows, linear = head.get_parameter("embedding.weight"), head.get_parameter("linear.weight")
    expected = h @ linear[0] + head.get_parameter("linear.bias") + (rows[LABELS] * h).sum(1)
    torch.testing.assert_close(head(h, LABELS), expected)


def test_the_classifier_names_the_class_in_both_steps() -> None:
    head, _ = layer("classifier")
    real, fake = torch.randn(2, 6, FEATURES).unbind()
    weight, bias = head.get_parameter("classifier.weight"), head.get_parameter("classifier.bias")
    logits = [h @ weight.T + bias for h in (real, fake)]
    terms = head.terms(NonSaturating(0.0), real, fake, LABELS)
    assert set(terms.losses) == {"adversarial", "class_real", "class_fake"}
    torch.testing.assert_close(terms.losses["class_real"], 0.5 * cross_entropy(logits[0], LABELS))
    torch.testing.assert_close(terms.losses["class_fake"], 0.5 * cross_entropy(logits[1], LABELS))
    shares = {
        f"score/accuracy_{n}": (z.argmax(1) == LABELS).float().mean()
        for n, z in zip(("real", "fake"), logits, strict=True)
    }
    assert terms.logged == shares
    generator = head.generator_terms(NonSaturating(0.0), fake, LABELS)
    torch.testing.assert_close(generator["class"], 2 * cross_entropy(logits[1], LABELS))
    assert torch.equal(head(real, LABELS), head(real, LABELS.roll(1)))  # the score is not told


@pytest.mark.parametrize("name", HEADS)
def test_a_head_without_state_takes_back_what_it_gave(name: str) -> None:
    head, _ = layer(name)
    assert head.state() == {}
    head.load_state(head.state())
