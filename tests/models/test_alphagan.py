"""alpha-GAN, VGH and VGH++ against Rosca et al.: terms of each network, the switches, and the order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from model_helpers import a_step, built, reaches, same_noise, updates
from torch.nn.functional import logsigmoid

from gan_experiments.errors import UserError
from gan_experiments.training.run import Run

ALL = ["encoder", "generator", "discriminator", "code_discriminator"]


def run(model: Any) -> tuple[Any, dict[str, dict[str, torch.Tensor]]]:
    step = a_step()
    return step, {phase.name: phase.loss(step) for phase in model.phases()}


def values(terms: dict[str, torch.Tensor]) -> Any:
    return pytest.approx({name: term.item() for name, term in terms.items()}, rel=1e-5)


@pytest.mark.parametrize("preset", ["alphagan", "vghpp"])
def test_terms_are_the_papers(preset: str, compose: Any) -> None:
    model = built(compose, f"model={preset}", "model.discriminator_norm=none", "model.reconstruction=3")
    step, losses = run(model)
    noise, x = same_noise(), step.batch.images
    samples, prior = model.generator(model.latents(noise, 6)), model.latents(noise, 6)
    codes = model.encoder(x)
    decoded = model.generator(codes)
    d, c = model.discriminator, model.code_discriminator

    def log(score: torch.Tensor) -> torch.Tensor:  # log D
        return logsigmoid(score).mean()

    def log_not(score: torch.Tensor) -> torch.Tensor:  # log(1 - D)
        return logsigmoid(-score).mean()

    error = 3 * (x - decoded).abs().mean()
    expected = {
        "encoder": {"reconstruction": error, "codes": -log(c(codes)) + log_not(c(codes))},
        "generator": {
            "reconstruction": error,
            "decoded": -log(d(decoded)) + log_not(d(decoded)),
            "samples": -log(d(samples)) + log_not(d(samples)),
        },
        "discriminator": {
            "real": -log(d(x)),
            "decoded": -log_not(d(decoded)),
            "samples": -log_not(d(samples)),
        },
        "code_discriminator": {"prior": -log(c(prior)), "codes": -log_not(c(codes))},
    }
    assert list(losses) == list(expected)
    for phase, terms in expected.items():
        assert {k: v.item() for k, v in losses[phase].items()} == values(terms), phase


def test_vgh_matches_the_marginals_alone(compose: Any) -> None:
    _, losses = run(built(compose, "model=vgh"))
    assert {phase: set(terms) for phase, terms in losses.items()} == {
        "encoder": {"codes"},
        "generator": {"samples"},
        "discriminator": {"real", "samples"},
        "code_discriminator": {"prior", "codes"},
    }


def test_without_codes_there_is_no_second_discriminator(compose: Any) -> None:
    model = built(compose, "model=alphagan", "model.match_codes=false")
    assert [phase.name for phase in model.phases()] == ALL[:3]
    assert set(run(model)[1]["encoder"]) == {"reconstruction"}


def test_who_is_trained_by_what(compose: Any) -> None:
    model = built(compose, "model=alphagan", "model.discriminator_norm=none")
    _, losses = run(model)
    networks = (model.encoder, model.generator, model.discriminator, model.code_discriminator)
    reached = {
        f"{phase}/{name}": [reaches(term, network) for network in networks]
        for phase, terms in losses.items()
        for name, term in terms.items()
    }
    assert reached == {
        "encoder/reconstruction": [True, True, False, False],
        "encoder/codes": [True, False, False, True],
        "generator/samples": [False, True, True, False],
        "generator/reconstruction": [False, True, False, False],
        "generator/decoded": [False, True, True, False],
        "discriminator/real": [False, False, True, False],
        "discriminator/samples": [False, False, True, False],
        "discriminator/decoded": [False, False, True, False],
        "code_discriminator/prior": [False, False, False, True],
        "code_discriminator/codes": [False, False, False, True],
    }


@pytest.mark.parametrize("preset", ["alphagan", "vgh"])
def test_order_of_updates(preset: str, compose: Any, tmp_path: Path) -> None:
    assert updates(compose, tmp_path, f"model={preset}") == [(name, {name}) for name in ALL]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.reconstruction=-1"], "model.reconstruction must be 0 or more"),
        (["model.code_width=0"], "model.code_width must be"),
        (["model.reconstruction=0", "model.match_codes=false"], "nothing to train the encoder"),
    ],
)
def test_refuses_values_that_make_no_sense(overrides: list[str], message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=alphagan", *overrides)


def test_both_adversaries_take_the_discriminators_rate(compose: Any, tmp_path: Path) -> None:
    config, record = compose(
        "model=alphagan", "network=mlp", "data.image_size=16", "optim=adam", "optim.lr=1e-4",
        "optim.discriminator_lr=3e-4",
    )  # fmt: skip
    engine = Run(config, tmp_path, record).engine
    engine.iterate()
    rates = {name: optimizer.param_groups[0]["lr"] for name, optimizer in engine.optimizers.items()}
    adversaries = {"discriminator": 3e-4, "code_discriminator": 3e-4}
    assert rates == {"encoder": 1e-4, "generator": 1e-4, **adversaries}
