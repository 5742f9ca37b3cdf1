from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from metrics_helpers import ImageSet, random_images

from gan_experiments.data import Digits
from gan_experiments.errors import UserError
from gan_experiments.metrics import StackedDigits

CPU = torch.device("cpu")


def test_modes_of_real_digits(tmp_path):
    """Every stack of ten clear digits, twice: all modes, uniform."""
    train = Digits(channels=1, image_size=32, num_classes=10, flip=False).load("train", tmp_path)
    digits = torch.stack([torch.from_numpy(train.images[train.labels == label][0, 0]) for label in range(10)])
    stacks = digits[torch.cartesian_prod(*[torch.arange(10)] * 3)]
    component = StackedDigits(samples=2000, batch_size=500)
    component.check(tmp_path)
    evaluate = component.evaluator(ImageSet(random_images(1)), CPU)
    halves = iter(2 * torch.split(stacks, 500))
    full = evaluate(lambda count: next(halves))
    assert full.values == {"modes": 1000, "mode_kl": pytest.approx(0, abs=1e-12)}
    one = evaluate(lambda count: stacks[123].expand(count, -1, -1, -1))
    assert one.values == {"modes": 1, "mode_kl": pytest.approx(math.log(1000))}
    assert component.best == "mode_kl"


def test_non_finite_images_are_counted(tmp_path):
    evaluate = StackedDigits(samples=4, batch_size=4).evaluator(ImageSet(random_images(1)), CPU)
    images = torch.zeros(4, 3, 32, 32)
    images[2, 1, 0, 0] = math.nan
    evaluation = evaluate(lambda count: images)
    assert math.isnan(evaluation.values["mode_kl"])
    assert evaluation.protocol["non_finite"] == "non-finite features: 1 of 12 digits"


def test_needs_three_colours():
    with pytest.raises(UserError, match="needs images of 3 colours"):
        StackedDigits(samples=1, batch_size=1).evaluator(ImageSet(np.zeros((1, 1, 28, 28), np.uint8)), CPU)
    with pytest.raises(UserError, match=r"metrics\.samples must be at least 1"):
        StackedDigits(samples=0, batch_size=1)
