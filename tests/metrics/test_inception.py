from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch_fidelity
from metrics_helpers import ImageSet, random_images, sampler
from torch.utils.data import Dataset
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x
from torch_fidelity.utils import create_feature_extractor

from gan_experiments.data import download
from gan_experiments.errors import UserError
from gan_experiments.metrics import Inception, inception
from gan_experiments.metrics.inception import FastInception, tensorflow_resize

COUNT = 10


def metrics(file: Path | None, sha256: str, samples: int = COUNT) -> Inception:
    weights = str(file) if file else None
    return Inception(samples=samples, real=None, batch_size=8, seed=0, weights=weights, sha256=sha256)


class Tensors(Dataset):
    def __init__(self, images):
        self.images = torch.as_tensor(images)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index]


@pytest.fixture(scope="module")
def evaluation(inception_file, inception_sha256):
    """Generated and real images (grey, 32 pixels), and our evaluation of them."""
    generated, real = random_images(COUNT, 1, seed=1), random_images(COUNT + 4, 1, seed=2)
    evaluator = metrics(inception_file, inception_sha256).evaluator(
        ImageSet(real[:COUNT]), torch.device("cpu")
    )
    return generated, real[:COUNT], evaluator(sampler(generated))


def test_equal_to_torch_fidelity(evaluation, inception_file):
    generated, real, ours = evaluation
    theirs = torch_fidelity.calculate_metrics(
        input1=Tensors(generated.repeat(3, axis=1)),
        input2=Tensors(real.repeat(3, axis=1)),
        feature_extractor="inception-v3-compat",
        feature_extractor_weights_path=str(inception_file),
        isc=True, fid=True, kid=True, prc=True,
        kid_subset_size=COUNT, batch_size=8, cuda=False, cache=False, save_cpu_ram=True, verbose=False,
    )  # fmt: skip
    expected = {
        "fd_inception": theirs["frechet_inception_distance"],
        "kid_inception": theirs["kernel_inception_distance_mean"],
        "is_inception": theirs["inception_score_mean"],
        "is_std_inception": theirs["inception_score_std"],
        "precision_inception": theirs["precision"],
        "recall_inception": theirs["recall"],
    }
    figures = {name: ours.values[name] for name in expected}
    # Ten images have singular covariances, where the reference's eigenvalues are good to five figures.
    assert figures.pop("fd_inception") == pytest.approx(expected.pop("fd_inception"), rel=3e-5)
    assert figures == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (28, 64), (299, 299), (400, 350), (1, 1)])
def test_resize_equal_to_tensorflow_1(height, width):
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0)) * 255
    reference = interpolate_bilinear_2d_like_tensorflow1x(images, size=(299, 299), align_corners=False)
    torch.testing.assert_close(tensorflow_resize(images), reference, atol=2e-4, rtol=0)


def test_features_equal_to_torch_fidelity(inception_file):
    images = torch.from_numpy(random_images(3, seed=3))
    original = create_feature_extractor(
        "inception-v3-compat", ["2048", "logits_unbiased"], cuda=False, verbose=False,
        feature_extractor_weights_path=str(inception_file),
    )  # fmt: skip
    with torch.no_grad():
        ours, theirs = FastInception(inception_file).eval()(images), original(images)
    for a, b in zip(ours, theirs, strict=True):
        assert (a - b).norm() < 1e-4 * (b - b.mean(0)).norm()


def test_protocol_names_the_weights_and_the_counts(evaluation, inception_sha256):
    protocol = evaluation[2].protocol
    assert protocol["weights"] == inception_sha256
    assert (protocol["generated"], protocol["real"], protocol["kid_subset_size"]) == (COUNT, COUNT, COUNT)


def test_only_the_standard_weights_give_a_fid():
    assert metrics(None, "6726825d").best == "fid"
    assert metrics(None, "6726825d").key("precision") == "precision"
    assert metrics(None, "0123456789").best == "fd_inception"


def test_missing_weights_say_what_to_do(monkeypatch, tmp_path):
    def offline(remote, folder):
        raise UserError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(download, "fetch", offline)
    with pytest.raises(UserError) as error:
        metrics(None, "6726825d").check(tmp_path)
    place = tmp_path / "hub" / "checkpoints" / "weights-inception-2015-12-05-6726825d.pth"
    ways = ("metrics.weights=", "metrics=none", "metrics=lenet", "metrics=cifar")
    for word in (inception.STANDARD.url, str(place), *ways):
        assert word in str(error.value)


def test_a_named_file_that_is_missing_is_not_downloaded(tmp_path):
    with pytest.raises(UserError, match=r"there is no file .*absent\.pth"):
        metrics(tmp_path / "absent.pth", "6726825d").check(tmp_path)


def test_other_weights_than_the_standard_ones_are_refused(inception_file, inception_sha256):
    with pytest.raises(UserError, match=f"begins with {inception_sha256[:8]}, not 6726825d"):
        metrics(inception_file, "6726825d").check(Path())
    metrics(inception_file, inception_sha256[:8]).check(Path())


@pytest.mark.parametrize("sha256", ["6726", "6726825D", "anything"])
def test_a_checksum_is_hexadecimal(sha256):
    with pytest.raises(UserError, match=r"metrics\.sha256 must be"):
        metrics(None, sha256)
