from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from metrics_helpers import ImageSet, random_images, sampler

from gan_experiments.data import Digits, Mnist
from gan_experiments.errors import UserError
from gan_experiments.metrics import LeNet, NoMetrics, lenet
from gan_experiments.metrics.lenet import grey32

CPU = torch.device("cpu")


def metrics(samples: int = 40, real: int | None = None, batch_size: int = 16) -> LeNet:
    return LeNet(samples=samples, real=real, batch_size=batch_size, seed=0)


def evaluate(generated, training, **settings):
    component = metrics(len(generated), **settings)
    return component.evaluator(ImageSet(training), CPU)(sampler(generated))


def accuracy(data, root: Path) -> float:
    images = data.load("test", root)
    with torch.no_grad():
        logits = lenet.load()(grey32(torch.tensor(images.images)))[1]
    return float((logits.argmax(1).numpy() == images.labels).mean())


def test_reads_the_test_digits(tmp_path):
    assert accuracy(Digits(channels=1, image_size=32, num_classes=10, flip=False), tmp_path) > 0.97


def test_reads_the_test_images_of_mnist(data_root):
    assert accuracy(Mnist(channels=1, image_size=28, num_classes=10, flip=False), data_root) > 0.99


def test_grey32():
    ones = torch.full((1, 1, 28, 28), 255, dtype=torch.uint8)
    padded = grey32(ones)
    assert padded.shape == (1, 1, 32, 32)
    assert padded.sum() == 28 * 28
    assert torch.equal(padded[0, 0, 2:30, 2:30], torch.ones(28, 28))
    red = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
    red[:, 0] = 255
    assert torch.allclose(grey32(red), torch.full((1, 1, 32, 32), 0.299))
    assert grey32(torch.full((2, 3, 64, 64), 255, dtype=torch.uint8)).allclose(torch.ones(2, 1, 32, 32))


def test_the_same_images_on_both_sides():
    images = random_images(40, 1)
    values = evaluate(images, images).values
    assert values["fd_lenet"] == pytest.approx(0, abs=1e-4)
    assert values["precision_lenet"] == values["recall_lenet"] == 1
    assert metrics().best in values


def test_deterministic_and_blind_to_batches_and_random_state():
    generated, real = random_images(40, 1, seed=1), random_images(60, 1, seed=2)
    torch.manual_seed(3), np.random.seed(3), random.seed(3)
    before = torch.get_rng_state(), np.random.get_state(), random.getstate()
    first = evaluate(generated, real, real=50)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1][1])
    assert random.getstate() == before[2]
    torch.rand(7)
    again = evaluate(generated, real, real=50)
    assert again == first
    assert first.protocol["real"] == 50
    other = evaluate(generated, real, real=50, batch_size=7)
    assert other.values == pytest.approx(first.values, rel=1e-5)


def test_a_collapsed_generator_has_figures():
    generated = np.zeros((40, 1, 32, 32), np.uint8)
    values = evaluate(generated, random_images(60, 1)).values
    assert values["fd_lenet"] > 1
    assert values["is_lenet"] == pytest.approx(1, abs=1e-6)
    assert values["recall_lenet"] == 0
    assert all(map(math.isfinite, values.values()))


def test_non_finite_samples_are_counted_and_give_no_figures():
    generated = torch.tensor(random_images(40, 1)).float() / 127.5 - 1
    generated[3, 0, 5, 5] = float("nan")
    generated[20:22] = float("inf")
    evaluation = evaluate(generated, random_images(60, 1))
    assert all(map(math.isnan, evaluation.values.values()))
    assert evaluation.protocol["non_finite"] == "non-finite features: 3 of 40"


def test_floats_are_quantised_as_uint8():
    images = random_images(40, 1)
    as_floats = (torch.tensor(images).float() - 127.5) / 127.5
    real = random_images(60, 1, seed=2)
    assert evaluate(as_floats, real).values == evaluate(images, real).values


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    damaged = tmp_path / "lenet.npz"
    damaged.write_bytes(lenet.WEIGHTS.read_bytes()[:-1])
    monkeypatch.setattr(lenet, "WEIGHTS", damaged)
    with pytest.raises(UserError, match=r"lenet\.npz is damaged"):
        metrics().check(tmp_path)


def test_counts_are_checked():
    with pytest.raises(UserError, match=r"metrics\.samples must be at least 10, not 9"):
        metrics(samples=9)
    with pytest.raises(UserError, match=r"metrics\.batch_size must be at least 1"):
        metrics(batch_size=0)
    with pytest.raises(UserError, match="there are 9 real images"):
        metrics().evaluator(ImageSet(random_images(9)), CPU)


def test_no_metrics():
    none = NoMetrics()
    none.check(Path())
    evaluation = none.evaluator(ImageSet(random_images(1)), CPU)(sampler(random_images(1)))
    assert (evaluation.values, evaluation.protocol, none.best) == ({}, {}, None)
