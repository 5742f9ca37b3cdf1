"""What metrics draw from, and what is written of an evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gan_experiments.data import ImageSet
from gan_experiments.errors import UserError
from gan_experiments.metrics import Evaluation
from gan_experiments.training.evaluation import Comparison, Samples, record
from gan_experiments.training.restore import Restored
from gan_experiments.training.run import Run
from gan_experiments.training.sampler import Sampler

CPU = torch.device("cpu")


def samples(compose: Any, *overrides: str) -> Samples:
    """Samples of a model whose images are its latents, or its latents and their classes."""
    config, _ = compose("network=mlp", "data.image_size=16", *overrides)
    networks = config.model.build(config.network, config.loss, config.data.shape)
    config.model.sample = lambda networks, inputs, direction: inputs.z.clone()
    return Samples(Sampler(config.model, networks, config.gpu, CPU), config.model.feed(3, CPU), "")


def test_one_rank_leaves_out_what_another_makes(compose: Any) -> None:
    whole, part = samples(compose), samples(compose)
    made = [whole(5), whole(5), whole(3)]
    part.skip(5)
    assert torch.equal(part(5), made[1])
    assert torch.equal(part(3), made[2])
    assert not torch.equal(made[0], made[1])


def test_images_of_a_model_that_is_told_the_class_come_with_it(compose: Any) -> None:
    whole, part = samples(compose, "model=cgan"), samples(compose, "model=cgan")
    images, labels = whole(90)
    part.skip(40)
    later, classes = part(50)
    assert torch.equal(later, images[40:])
    assert torch.equal(classes, labels[40:])
    assert labels.dtype is torch.int64
    assert labels.bincount(minlength=10).min() > 0


def test_global_random_numbers_are_left_alone(compose: Any) -> None:
    source = samples(compose)
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    source(5)
    assert torch.equal(torch.rand(3), expected)


def test_a_record_holds_figures_floor_classes_and_protocol() -> None:
    evaluation = Evaluation({"fid": 1.0}, {"extractor": "x"}, {"fid": 0.5}, {"fid": [1.0, 2.0]})
    assert record(evaluation, 0.99) == {
        "metrics": {"fid": 1.0},
        "floor": {"fid": 0.5},
        "classes": {"fid": [1.0, 2.0]},
        "protocol": {"extractor": "x", "ema": 0.99, "split": "train"},
    }
    assert "classes" not in record(Evaluation({"fid": 1.0}), 0)


def test_a_checkpoint_knows_how_often_each_class_is_drawn(compose: Any, tmp_path: Path) -> None:
    """Nine of ten images are of class 1, none of class 0: so are those drawn, without the data, and the record says so."""
    config, written = compose("model=cgan", "network=mlp", "data.image_size=16", "train.steps=1")
    load = config.data.load

    def unbalanced(split: str, root: Path) -> ImageSet:
        images = load(split, root).images[:1000]
        return ImageSet(images, np.where(np.arange(1000) % 10 == 0, 7, 1))

    config.data.load = unbalanced
    run = Run(config, tmp_path, written)
    run.train()
    restored = Restored(tmp_path / "checkpoints" / "last.pt", CPU)
    labels = restored.feed(0).take(2000).labels
    assert labels is not None
    assert sorted(labels.unique().tolist()) == [1, 7]
    assert (labels == 7).float().mean().item() == pytest.approx(0.1, abs=0.03)
    with pytest.raises(UserError, match="the data had no images of class 0"):
        restored.feed(0, label=0)
    together, found = Evaluation(), Evaluation({"fid": 1.0}, {"extractor": "x"})
    comparison = Comparison("", None)  # type: ignore[arg-type]
    run.evaluations.add(together, comparison, found, run.sampler)
    assert together.protocol == {"extractor": "x", "class_prior": "data"}
