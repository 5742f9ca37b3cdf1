from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
import torch
from metrics_helpers import ImageSet, random_images, sampler

from gan_experiments import __version__
from gan_experiments.data import Digits
from gan_experiments.errors import RunError
from gan_experiments.metrics import LeNet
from gan_experiments.metrics.lenet import WEIGHTS
from gan_experiments.metrics.ssim import diversity

CPU = torch.device("cpu")


def metrics(samples: int) -> LeNet:
    return LeNet(samples=samples, real=None, batch_size=100, seed=0)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    data = Digits(channels=1, image_size=32, num_classes=10, flip=False)
    return [data.load(split, tmp_path_factory.mktemp("data")) for split in ("train", "test")]


def test_the_floor_is_what_held_out_images_would_get(digits):
    train, test = digits
    evaluation = metrics(297).evaluator(train, CPU, held_out=test)(sampler(test.images))
    assert evaluation.floor == pytest.approx(evaluation.values, rel=1e-6)
    noise = metrics(297).evaluator(train, CPU, held_out=test)(sampler(random_images(297, 1)))
    assert noise.floor == evaluation.floor
    assert noise.values["fd_lenet"] > 10 * noise.floor["fd_lenet"]


def test_the_floor_has_no_more_images_than_the_figures(digits):
    train, test = digits
    few = metrics(100).evaluator(train, CPU, held_out=test).floor
    assert few["fd_lenet"] > metrics(297).evaluator(train, CPU, held_out=test).floor["fd_lenet"]


def test_modes_where_the_network_reads_the_data(digits):
    train, test = digits
    evaluation = metrics(297).evaluator(train, CPU)(sampler(test.images))
    shares = np.bincount(test.labels, minlength=10) / 297
    np.testing.assert_allclose(evaluation.protocol["mode_histogram"], shares, atol=0.015)
    assert evaluation.values["mode_kl_lenet"] == pytest.approx(
        float((shares * np.log(10 * shares)).sum()), abs=0.01
    )
    ones = train.images[train.labels == 1][:100]
    collapsed = metrics(100).evaluator(train, CPU)(sampler(ones))
    assert collapsed.values["mode_kl_lenet"] == pytest.approx(math.log(10), abs=0.15)
    other = ImageSet(train.images, np.roll(train.labels, 1))  # labels of something else: clothes, say
    assert "mode_kl_lenet" not in metrics(100).evaluator(other, CPU)(sampler(ones)).values


def test_class_by_class(digits):
    train, test = digits
    order = np.argsort(train.labels, kind="stable")[:620]  # classes 0 to 3, and some of 4
    images, labels = (torch.from_numpy(array[order].copy()) for array in (train.images, train.labels))
    left = iter(range(0, 620, 100))

    def sample(count):
        start = next(left)
        return images[start : start + count], labels[start : start + count]

    evaluation = metrics(620).evaluator(train, CPU, held_out=test)(sample)
    # The images are sorted by class, so that most pairs are within one; the held-out ones' are mixed.
    within = evaluation.values["diversity_within_class"]
    first = images[:320]
    assert within == pytest.approx(diversity(first, labels[:320]), abs=1e-6)
    assert within < evaluation.values["diversity"] + 0.01
    assert evaluation.floor["diversity_within_class"] < evaluation.floor["diversity"] - 0.02
    classes = evaluation.classes
    assert set(classes) == {f"{name}_lenet" for name in ("fd", "precision", "recall", "density", "coverage")}
    assert classes["fd_lenet"][:4] == pytest.approx([0] * 4, abs=1e-3)
    assert classes["recall_lenet"][:4] == [1] * 4
    assert all(map(math.isnan, classes["fd_lenet"][5:]))
    assert len(classes["fd_lenet"]) == 10


def test_diversity_is_that_of_the_first_images():
    images = random_images(330, 1)
    training = ImageSet(random_images(60, 1, seed=1))
    values = [
        metrics(count).evaluator(training, CPU)(sampler(images)).values["diversity"] for count in (320, 330)
    ]
    assert values[0] == values[1] > 0.3


def test_the_protocol_says_how_the_figures_were_made(digits):
    train, test = digits
    protocol = metrics(40).evaluator(train, CPU, held_out=test)(sampler(random_images(40, 1))).protocol
    assert protocol["extractor"] == "lenet-mnist-digits"
    assert protocol["weights"] == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert protocol["real_digest"] == train.digest
    counts = {
        key: protocol[key] for key in ("generated", "real", "floor", "kid_subset_size", "neighbours_images")
    }
    assert counts == {
        "generated": 40,
        "real": 1500,
        "floor": 40,
        "kid_subset_size": 40,
        "neighbours_images": 40,
    }
    assert (protocol["precision"], protocol["seed"], protocol["version"]) == ("float32", 0, __version__)


def test_real_features_must_be_finite(monkeypatch):
    evaluator = metrics(40).evaluator(ImageSet(random_images(60, 1)), CPU)
    network = evaluator.real.extractor.network
    monkeypatch.setattr(
        network, "forward", lambda x: (torch.full((len(x), 84), math.nan), torch.zeros(len(x), 10))
    )
    with pytest.raises(RunError, match="features of 60 of 60 images are not finite"):
        _ = evaluator.real.features


@pytest.mark.parametrize("count", [10, 11, 84, 85])
def test_few_images(count):
    """Fewer than features, than a subset of the kernel distance, than splits of the score."""
    evaluation = metrics(count).evaluator(ImageSet(random_images(count, 1)), CPU)(
        sampler(random_images(count, 1, seed=1))
    )
    assert all(map(math.isfinite, evaluation.values.values()))
    assert evaluation.protocol["kid_subset_size"] == count
    assert "fd_unbiased_lenet" not in evaluation.values
