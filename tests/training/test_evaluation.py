"""What metrics draw from, and what is written of an evaluation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from gan_experiments.data import Digits, ImageSet
from gan_experiments.errors import UserError
from gan_experiments.metrics import Evaluation, NoMetrics
from gan_experiments.training.evaluation import (
    Comparison,
    Evaluations,
    Samples,
    facing,
    objective,
    record,
)
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
    assert record(evaluation, 0.99, Digits(1, 8, 10, False)) == {
        "metrics": {"fid": 1.0},
        "floor": {"fid": 0.5},
        "classes": {"fid": [1.0, 2.0]},
        "protocol": {"data": "digits", "extractor": "x", "ema": 0.99, "split": "train"},
    }
    assert "classes" not in record(Evaluation({"fid": 1.0}), 0, Digits(1, 8, 10, False))


def evaluations(compose: Any, folder: Path, model: str, *overrides: str) -> tuple[Evaluations, Sampler]:
    config, _ = compose(*tiny.translation(folder, model), "metrics=lenet", *overrides)
    networks = config.model.build(config.network, config.loss, config.data.shape)
    sampler = Sampler(config.model, networks, config.gpu, CPU)
    return Evaluations(config.metrics, config.data, config.model, folder, CPU), sampler


def test_each_direction_is_judged_against_the_domain_that_it_makes(compose: Any, tmp_path: Path) -> None:
    both, sampler = evaluations(compose, tmp_path, "cyclegan")
    sampler.model.sample = lambda networks, inputs, direction: inputs.images.clone()
    found = both(sampler)
    data = both.data
    train, test = (data.load(split, tmp_path) for split in ("train", "test"))
    for direction in ("a_to_b", "b_to_a"):
        real, held_out = facing(train, direction), facing(test, direction)
        protocol = found.protocol[direction]
        assert (protocol["generated"], protocol["real"]) == (len(held_out.sources), len(real))
        assert protocol["floor"] == min(
            len(held_out), len(held_out.sources)
        )  # as many as are generated, if there are
        assert protocol["real_digest"] == real.digest
    assert [len(facing(test, direction).sources) for direction in ("a_to_b", "b_to_a")] == [10, 11]
    # A model that leaves every image as it is makes of one domain what the other's floor is measured with.
    alone = both.metrics.at_most(10)
    zebras = ImageSet(test.sources)
    floor = alone.evaluator(train, CPU, zebras, tmp_path)(lambda count: torch.tensor(test.sources[:count]))
    for name, value in floor.values.items():
        assert found.values[f"a_to_b/{name}"] == pytest.approx(value, rel=1e-6)
        if name != "diversity":
            assert floor.floor[name] == pytest.approx(value, rel=1e-6)


def test_the_kernel_distance_comes_first_and_pairs_have_figures_of_their_own(
    compose: Any, tmp_path: Path
) -> None:
    both, sampler = evaluations(compose, tmp_path / "apart", "cyclegan")
    names = list(both(sampler).values)
    assert names[:2] == ["a_to_b/kid_lenet", "a_to_b/fd_lenet"]
    assert names[len(names) // 2] == "b_to_a/kid_lenet"
    assert not {"a_to_b/l1", "a_to_b/psnr", "a_to_b/ssim"} & set(names)
    one, sampler = evaluations(compose, tmp_path / "pairs", "pix2pix", "metrics.batch_size=4")
    test = one.data.load("test", tmp_path)
    targets = torch.tensor(test.images).float() / 127.5 - 1
    places = {source.tobytes(): index for index, source in enumerate(test.sources)}

    def perfect(networks: Any, inputs: Any, direction: str) -> torch.Tensor:
        sources = (inputs.images * 127.5 + 128).to(torch.uint8).numpy()
        return targets[[places[source.tobytes()] for source in sources]]

    sampler.model.sample = perfect
    found = one(sampler)
    assert next(iter(found.values)) == "a_to_b/kid_lenet"
    assert [found.values[f"a_to_b/{name}"] for name in ("l1", "psnr", "ssim")] == pytest.approx(
        [0, 100, 1], abs=1e-5
    )
    assert found.protocol["a_to_b"]["pairs"] == 10
    for name, value in found.floor.items():
        assert found.values[name] == pytest.approx(value, rel=1e-6)


def test_a_translator_takes_few_images_at_a_time_and_each_has_its_noise(compose: Any, tmp_path: Path) -> None:
    one, sampler = evaluations(compose, tmp_path, "pix2pix")
    (comparison,) = one.comparisons
    whole = one.samples(comparison, sampler)(10)
    assert isinstance(whole, torch.Tensor)
    part = one.samples(comparison, sampler)
    part.skip(7)
    torch.testing.assert_close(part(3), whole[7:])
    sizes: list[int] = []
    sampler.model.sample = lambda networks, inputs, direction: (sizes.append(len(inputs)), inputs.images)[1]
    many = np.zeros((40, 3, 16, 16), np.uint8)
    Samples(sampler, sampler.model.feed(0, CPU, many), "a_to_b")(40)
    assert sizes == [16, 16, 8]


def test_without_enough_held_out_images_there_are_no_figures(compose: Any, tmp_path: Path) -> None:
    tiny.translation(tmp_path, "cyclegan")
    for file in sorted((tmp_path / "testA").iterdir())[4:]:
        file.unlink()
    with pytest.raises(UserError, match="there are 4 held-out images to translate; metrics need at least 10"):
        evaluations_of(compose, tmp_path, "metrics=lenet")
    for folder in ("testA", "testB"):
        for file in (tmp_path / folder).iterdir():
            file.unlink()
        (tmp_path / folder).rmdir()
    with pytest.raises(
        UserError, match="data=domain_folders has no test split here: add one, or metrics=none"
    ):
        evaluations_of(compose, tmp_path, "metrics=lenet")
    assert not evaluations_of(compose, tmp_path, "metrics=none").comparisons


def evaluations_of(compose: Any, folder: Path, *overrides: str) -> Evaluations:
    """Of the pictures that are in `folder` now."""
    settings = ["data=domain_folders", f"data.path={folder}", "data.image_size=16"]
    config, _ = compose("model=cyclegan", *settings, *overrides)
    return Evaluations(config.metrics, config.data, config.model, folder, CPU)


def test_the_best_checkpoint_of_a_translator_has_the_lowest_mean_kernel_distance(compose: Any) -> None:
    config, _ = compose("model=cyclegan", "metrics=lenet")
    values = {"a_to_b/kid_lenet": 2.0, "b_to_a/kid_lenet": 5.0, "a_to_b/fd_lenet": 1.0, "kid_lenet": 9.0}
    assert objective(config.metrics, config.model, values) == 3.5
    assert objective(config.metrics, config.model, {"a_to_b/kid_lenet": 2.0}) == math.inf
    assert math.isnan(objective(config.metrics, config.model, {**values, "b_to_a/kid_lenet": math.nan}))
    assert objective(NoMetrics(), config.model, values) == math.inf
    config, _ = compose("model=cut", "metrics=lenet")
    assert objective(config.metrics, config.model, values) == 2
    config, _ = compose("model=gan", "metrics=lenet")
    assert objective(config.metrics, config.model, {"fd_lenet": 4.0, **values}) == 4


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
