"""What metrics draw from, and what is written of an evaluation."""

from __future__ import annotations

from typing import Any

import torch

from gan_experiments.metrics import Evaluation, LeNet
from gan_experiments.training import evaluate

CPU = torch.device("cpu")


def samples(compose: Any, *overrides: str) -> evaluate.Samples:
    config, _ = compose(*overrides)
    metrics = LeNet(samples=10, real=None, batch_size=5, seed=3)
    return evaluate.Samples(config.model, lambda latents: latents.clone(), metrics, CPU)


def test_one_rank_leaves_out_what_another_makes(compose: Any) -> None:
    whole, part = samples(compose), samples(compose)
    made = [whole(5), whole(5), whole(3)]
    part.skip(5)
    assert torch.equal(part(5), made[1])
    assert torch.equal(part(3), made[2])
    assert not torch.equal(made[0], made[1])


def test_global_random_numbers_are_left_alone(compose: Any) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    samples(compose)(5)
    assert torch.equal(torch.rand(3), expected)


def test_a_record_holds_figures_floor_classes_and_protocol() -> None:
    evaluation = Evaluation({"fid": 1.0}, {"extractor": "x"}, {"fid": 0.5}, {"fid": [1.0, 2.0]})
    assert evaluate.record(evaluation, 0.99) == {
        "metrics": {"fid": 1.0},
        "floor": {"fid": 0.5},
        "classes": {"fid": [1.0, 2.0]},
        "protocol": {"extractor": "x", "ema": 0.99, "split": "train"},
    }
    assert "classes" not in evaluate.record(Evaluation({"fid": 1.0}), 0)
