"""BEGAN against Berthelot et al.: energies, the controller's step and its bounds, the measure of convergence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, gradients, state_comes_back, updates

from gan_experiments.errors import UserError


def stepped(compose: Any, real: float, fake: float, *overrides: str) -> tuple[Any, Any]:
    """One iteration with these energies of real and of generated images."""
    model = built(compose, "model=began", "model.gamma=0.5", *overrides)
    energies = [real, 9.0, fake]  # the generated images of the discriminator's step do not move k
    model.discriminator.forward = lambda images: torch.full((len(images),), -energies.pop(0))
    step = a_step()
    discriminator, generator = model.phases()
    discriminator.loss(step)
    generator.loss(step)
    generator.after()
    return model, step


def test_the_papers_step(compose: Any) -> None:
    model, step = stepped(compose, 0.2, 0.05)
    assert model.k.item() == pytest.approx(5e-5, rel=1e-4)
    assert step.logged["score/convergence"].item() == pytest.approx(0.25)


def test_convergence_takes_the_absolute_value_and_k_stays_at_0(compose: Any) -> None:
    model, step = stepped(compose, 0.2, 0.3)
    assert step.logged["score/convergence"].item() == pytest.approx(0.4)
    assert model.k.item() == 0


def test_k_stays_at_1(compose: Any) -> None:
    model, _ = stepped(compose, 2.0, 0.1, "model.balance_rate=100")
    assert model.k.item() == 1


@pytest.mark.parametrize("eta", [1, 2])
def test_energy_is_a_mean_over_pixels(eta: int, compose: Any) -> None:
    model = built(compose, "model=began", f"model.eta={eta}")
    images = a_step().batch.images
    errors = (model.discriminator.reconstruct(images) - images).abs() ** eta
    assert torch.allclose(-model.scores(images), errors.mean((1, 2, 3)))


def test_the_discriminators_output_has_no_activation(compose: Any) -> None:
    model = built(compose, "model=began")
    images = a_step().batch.images
    assert model.generator(model.latents(a_step().noise, 4)).abs().max() <= 1
    last = [
        layer for layer in model.discriminator.head.modules() if getattr(layer, "bias", None) is not None
    ][-1]
    torch.nn.init.constant_(last.bias, 5.0)
    assert model.discriminator.reconstruct(images).min() > 1


@pytest.mark.parametrize("k", [0.0, 0.3])
def test_discriminators_gradient(k: float, compose: Any) -> None:
    model = built(compose, "model=began")
    model.k = torch.tensor(k)
    torch.manual_seed(5)
    real, fake = torch.rand(2, 6, 1, 8, 8).unbind()
    ours = gradients(sum(model.adversarial(real, fake, a_step()).values()), model.discriminator)

    def error(images: torch.Tensor) -> torch.Tensor:
        return (model.discriminator.reconstruct(images) - images).abs().mean()

    expected = gradients(error(real) - k * error(fake), model.discriminator)
    for a, b in zip(ours, expected, strict=True):
        assert a is not None
        assert b is not None
        assert torch.allclose(a, b, atol=1e-7)


def test_discriminator_then_generator(compose: Any, tmp_path: Path) -> None:
    expected = [("discriminator", {"discriminator"}), ("generator", {"generator"})]
    assert updates(compose, tmp_path, "model=began") == expected


def test_k_is_part_of_a_checkpoint(compose: Any, tmp_path: Path) -> None:
    assert state_comes_back(compose, tmp_path, ["model=began", "model.balance_rate=10"])


@pytest.mark.parametrize(
    ("override", "message"),
    [("model.gamma=0", r"model.gamma must be in \(0, 1\]"), ("model.eta=3", "model.eta must be 1 or 2")],
)
def test_refuses_values_that_make_no_sense(override: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=began", override)
