"""EBGAN against Zhao et al.: the energy's reduction, the margin, the pulling-away term, and what each one trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, gradients, reaches, updates
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.models.ebgan import mean_squared_cosine


def with_energies(model: Any, *energies: float) -> Any:
    """The model with a discriminator that gives these energies, one per call."""
    left = list(energies)
    model.discriminator.forward = lambda images: torch.full((len(images),), -left.pop(0))
    return model


@pytest.mark.parametrize(("fake", "loss"), [(4.0, 6.3), (12.0, 0.3), (10.0, 0.3)])
def test_discriminators_loss_is_the_energy_and_the_margins_rest(
    fake: float, loss: float, compose: Any
) -> None:
    model = built(compose, "model=ebgan", "model.margin=10", "model.reuse_fakes=false")
    losses = with_energies(model, 0.3, fake).discriminator_loss(a_step())
    assert losses["energy"].item() == pytest.approx(0.3)
    assert sum(losses.values()).item() == pytest.approx(loss)


def test_energy_is_the_distance_of_image_and_reconstruction(compose: Any) -> None:
    model = built(compose, "model=ebgan", "model.discriminator_norm=none")
    images = a_step().batch.images
    decoded = model.discriminator.reconstruct(images)
    expected = (decoded - images).square().sum((1, 2, 3)).sqrt()
    assert torch.allclose(-model.scores(images), expected)
    assert torch.allclose(decoded, model.discriminator.head(model.discriminator.features(images)))


@pytest.mark.parametrize(
    ("codes", "value"),
    [
        ([[1.0, 2.0]] * 4, 1.0),
        ([[1.0, 0.0], [0.0, 1.0]], 0.0),
        ([[1.0, 0.0], [-2.0, 0.0], [0.0, 3.0]], 1 / 3),
    ],
)
def test_pulling_away_term(codes: list[list[float]], value: float) -> None:
    assert mean_squared_cosine(torch.tensor(codes)).item() == pytest.approx(value, abs=1e-6)


def test_pulling_away_is_the_papers_double_sum_with_its_gradient() -> None:
    torch.manual_seed(0)
    codes = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    pairs = [
        torch.cosine_similarity(codes[i], codes[j], dim=0) ** 2 for i in range(5) for j in range(5) if i != j
    ]
    reference = torch.stack(pairs).sum() / (5 * 4)
    ours = mean_squared_cosine(codes)
    assert torch.allclose(ours, reference)
    assert torch.allclose(*(torch.autograd.grad(value, codes)[0] for value in (ours, reference)))
    scales = torch.rand(5, 1, dtype=torch.float64) + 0.1
    assert torch.allclose(mean_squared_cosine(codes * scales), ours)


def test_generator_minimises_the_energy_and_with_pt_the_cosines_of_its_codes(compose: Any) -> None:
    plain, pulled = (
        built(compose, f"model={name}", "model.discriminator_norm=none") for name in ("ebgan", "ebgan_pt")
    )
    losses = []
    for model in (plain, pulled):
        step = a_step()
        losses.append(model.generator_loss(step))
        fake: Tensor = step.shared["fakes"]
        assert losses[-1]["energy"].item() == pytest.approx(-model.scores(fake).mean().item(), rel=1e-6)
    assert set(losses[0]) == {"energy"}
    codes = pulled.discriminator.features(fake)
    term = losses[1]["pulling_away"]
    assert term.item() == pytest.approx(0.1 * mean_squared_cosine(codes).item(), rel=1e-5)
    assert reaches(term, pulled.generator)
    assert reaches(term, pulled.discriminator.trunk)  # frozen by the engine in this phase


def test_beyond_the_margin_only_real_images_train_the_discriminator(compose: Any) -> None:
    model = built(compose, "model=ebgan", "model.margin=0.001", "model.discriminator_norm=none")
    step = a_step()
    margin = model.discriminator_loss(step)["margin"]
    assert margin.item() == 0
    assert not any(g is not None and g.any() for g in gradients(margin, model.discriminator))


@pytest.mark.parametrize("model", ["ebgan", "ebgan_pt"])
def test_discriminator_then_generator(model: str, compose: Any, tmp_path: Path) -> None:
    expected = [("discriminator", {"discriminator"}), ("generator", {"generator"})]
    assert updates(compose, tmp_path, f"model={model}") == expected


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.margin=0", "model.margin must be above 0"),
        ("model.pulling_away=-1", "model.pulling_away 0 or more"),
        ("model.code_dim=0", "model.code_dim must be at least 1"),
    ],
)
def test_refuses_values_that_make_no_sense(override: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=ebgan", override)
