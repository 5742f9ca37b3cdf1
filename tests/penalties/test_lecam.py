"""LeCam regularisation against Tseng et al., CVPR 2021: values, running means, what a checkpoint keeps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.noise import Noise
from gan_experiments.penalties import LeCam
from gan_experiments.training.run import Run

NOISE = Noise(0, torch.device("cpu"))


def value(penalty: LeCam, real: list[float], fake: list[float]) -> float:
    """The penalty where the scores are the images themselves."""
    sides = (torch.tensor(side).view(-1, 1) for side in (real, fake))
    return float(penalty.loss(lambda images: images.flatten(), *sides, NOISE))


def test_each_sides_scores_stay_near_the_other_sides_mean() -> None:
    # Means 2 and -1: ((1 + 1)^2 + (3 + 1)^2) / 2 + ((-1 - 2)^2 + (-1 - 2)^2) / 2
    assert value(LeCam(weight=1.0, every=1, decay=0.9), [1.0, 3.0], [-1.0, -1.0]) == 10 + 9


def test_the_means_run_on() -> None:
    penalty = LeCam(weight=1.0, every=1, decay=0.75)
    value(penalty, [4.0], [-2.0])
    # a_real = 0.75 * 4 + 0.25 * 0, a_fake = 0.75 * -2 + 0.25 * 2
    assert value(penalty, [0.0], [2.0]) == (0 + 1) ** 2 + (2 - 3) ** 2
    assert penalty.means.tolist() == [3, -1]


def test_of_scores_that_stay_it_is_twice_the_square_of_their_difference() -> None:
    for decay in (0.0, 0.5, 0.99):
        penalty = LeCam(weight=1.0, every=1, decay=decay)
        assert [value(penalty, [1.5, 1.5], [-0.5]) for _ in range(4)] == pytest.approx([2 * 2.0**2] * 4)


def test_the_gradient_takes_the_means_as_constants() -> None:
    penalty = LeCam(weight=1.0, every=1, decay=0.0)
    real, fake = torch.tensor([[1.0], [3.0]], requires_grad=True), torch.tensor([[-1.0]], requires_grad=True)
    loss = penalty.loss(lambda images: images.flatten(), real, fake, NOISE)
    by_real, by_fake = torch.autograd.grad(loss, [real, fake])
    assert by_real.flatten().tolist() == [1 + 1, 3 + 1]  # 2 (f - a_fake) / n
    assert by_fake.flatten().tolist() == [2 * (-1 - 2)]
    assert not penalty.means.requires_grad
    assert not penalty.differentiates_input


def test_its_means_are_its_state() -> None:
    one, two = (LeCam(weight=1.0, every=1, decay=0.5) for _ in range(2))
    assert one.state() == {}
    value(one, [4.0], [-2.0])
    two.load_state(one.state())
    assert value(two, [1.0], [0.0]) == value(one, [1.0], [0.0])
    two.load_state({})
    assert two.means is None


@pytest.mark.parametrize(
    ("setting", "message"), [("decay=1", r"decay must be in \[0, 1\)"), ("weight=-1", "weight must be")]
)
def test_refuses_values_that_make_no_sense(setting: str, message: str, compose: Any) -> None:
    with pytest.raises(UserError, match=message):
        compose("model=gan", "+penalty@model.penalties.lecam=lecam", f"model.penalties.lecam.{setting}")


def test_a_resumed_run_is_the_run_that_was_not_stopped(compose: Any, tmp_path: Path) -> None:
    settings = ["model=gan", "network=mlp", "data.image_size=16", "+penalty@model.penalties.lecam=lecam"]

    def run(steps: int, name: str, resume: Path | None = None) -> dict[str, Tensor]:
        config, record = compose(*settings, "model.penalties.lecam.weight=1", f"train.steps={steps}")
        config.resume = resume and str(resume)
        made = Run(config, tmp_path / name, record)
        made.train()
        return {**made.networks["discriminator"].state_dict(), "means": config.model.penalties["lecam"].means}

    whole = run(8, "whole")
    run(4, "parts")
    parts = run(8, "parts", tmp_path / "parts" / "checkpoints" / "last.pt")
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert whole["means"].isfinite().all()
