"""Folders of images of any sizes, equal to torch-fidelity's figures for them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch_fidelity
from metrics_helpers import ImageSet, random_images
from PIL import Image
from torch_fidelity.datasets import ImagesPathDataset

from gan_experiments.errors import UserError
from gan_experiments.metrics import Inception, LeNet
from gan_experiments.metrics.folder import FolderImages

CPU = torch.device("cpu")


def write(folder, images, names="{:03d}.png"):
    for index, image in enumerate(images):
        path = folder / names.format(index)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(image).transpose(1, 2, 0)
        Image.fromarray(pixels.squeeze(2) if pixels.shape[2] == 1 else pixels).save(path)
    return FolderImages(folder)


def lenet(count):
    return LeNet(samples=count, real=None, batch_size=7, seed=0)


def test_a_folder_is_its_images(tmp_path):
    grey, colour = random_images(20, 1), random_images(20, 3, seed=1)
    for name, images in (("grey", grey), ("colour", colour)):
        real = ImageSet(random_images(30, 1, seed=2))
        folder = write(tmp_path / name, images)
        evaluator = lenet(20).evaluator(real, CPU)
        assert evaluator.evaluate(evaluator.of(folder)) == evaluator.evaluate(evaluator.of(ImageSet(images)))
        assert (len(folder), folder.labels) == (20, None)


def test_every_size_and_colour_at_once(tmp_path):
    """Each image has the features that it has alone; images of different sizes have no diversity."""
    images = [*random_images(6, 1, 32), *random_images(6, 3, 48, seed=1), *random_images(6, 3, 20, seed=2)]
    folder = write(tmp_path, [images[i] for i in np.random.RandomState(0).permutation(18)])
    evaluator = lenet(18).evaluator(folder, CPU)
    features = evaluator.of(folder)
    alone = torch.cat(
        [evaluator.of(ImageSet(piece)).pooled for i in range(18) for piece in folder.pieces(np.array([i]))]
    )
    torch.testing.assert_close(features.pooled, alone)
    assert "diversity" not in evaluator.evaluate(features).values


def test_content_is_the_digest_and_subfolders_are_classes(tmp_path):
    images = random_images(12, 1)
    plain = write(tmp_path / "a", images)
    assert write(tmp_path / "b", images, "image{:03d}.png").digest == plain.digest
    assert write(tmp_path / "c", images[::-1]).digest != plain.digest
    for index, image in enumerate(images):
        write(tmp_path / "d" / f"class{index % 3}", [image], f"{index:03d}.png")
    folder = FolderImages(tmp_path / "d")
    assert folder.classes == ["class0", "class1", "class2"]
    assert folder.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4


def test_unreadable_files_are_named(tmp_path):
    folder = write(tmp_path, random_images(12, 1))
    (tmp_path / "004.png").write_text("no image")
    with pytest.raises(UserError, match=r"004.png cannot be read as an image"):
        _ = lenet(12).evaluator(folder, CPU).real.features


def test_pixels_are_those_that_torch_fidelity_reads(tmp_path):
    folder = write(tmp_path, [*random_images(5, 3, 40), *random_images(5, 1, 24)])
    for place, file in enumerate(folder.files):
        (ours,) = (image for piece in folder.pieces(np.array([place])) for image in piece)
        theirs = ImagesPathDataset([str(file)])[0].numpy()
        assert np.array_equal(np.broadcast_to(ours, theirs.shape), theirs)


@pytest.mark.quality
def test_equal_to_torch_fidelity(tmp_path, inception_file, inception_sha256):
    theirs, ours = random_images(10, 3, 40), random_images(10, 3, 40, seed=1)
    generated, real = write(tmp_path / "ours", ours), write(tmp_path / "theirs", theirs)
    reference = torch_fidelity.calculate_metrics(
        input1=str(tmp_path / "ours"),
        input2=str(tmp_path / "theirs"),
        cuda=False,
        batch_size=5,
        isc=True,
        fid=True,
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(inception_file),
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )
    metrics = Inception(10, None, 5, 0, str(inception_file), inception_sha256[:8])
    evaluator = metrics.evaluator(real, CPU)
    values = evaluator.evaluate(evaluator.of(generated)).values
    # Of so few images torch-fidelity's eigenvalues of a singular product are themselves off by 1e-5.
    assert values["fd_inception"] == pytest.approx(reference["frechet_inception_distance"], rel=1e-4)
    assert values["is_inception"] == pytest.approx(reference["inception_score_mean"], rel=1e-4)
