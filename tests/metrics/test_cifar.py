from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2.functional import gaussian_blur

from gan_experiments.errors import UserError
from gan_experiments.metrics import Cifar, cifar
from gan_experiments.metrics.cifar import colour32
from gan_experiments.metrics.classes import inception_score
from gan_experiments.metrics.frechet import Gaussian, Moments, frechet_distance
from real_cifar import strips

CPU = torch.device("cpu")


def metrics(samples: int) -> Cifar:
    return Cifar(samples=samples, real=None, batch_size=125, seed=0)


@pytest.fixture(scope="module")
def real() -> tuple[torch.Tensor, torch.Tensor]:
    """500 test images (n, 3, 32, 32) and their labels."""
    images, labels = strips("test", 1)
    return torch.tensor(images).permute(0, 3, 1, 2), torch.tensor(labels)


def test_reads_the_test_images(real):
    images, labels = real
    with torch.no_grad():
        features, logits = metrics(10).extractor().on(CPU).network(images)
    assert features.shape == (500, 160)
    assert (features >= 0).all()
    assert (logits.argmax(1) == labels).double().mean() >= 0.9


@pytest.mark.quality
def test_reads_91_of_100_test_images():
    images, labels = strips("test", 20)
    network = metrics(10).extractor().on(CPU).network
    with torch.no_grad():
        batches = torch.tensor(images).permute(0, 3, 1, 2).split(500)
        logits = torch.cat([network(batch)[1] for batch in batches])
    assert (logits.argmax(1) == torch.tensor(labels)).sum() >= 9100
    assert inception_score(logits)[0] == pytest.approx(4.872, abs=1e-3)


def test_blur_moves_the_images_away(real):
    images, _ = real
    network = metrics(10).extractor().on(CPU).network

    @torch.no_grad()
    def gaussian(images: torch.Tensor) -> Gaussian:
        features = network(images)[0]
        return Gaussian.of(Moments.of(features), features)

    real_side = gaussian(images[:250])
    rest = images[250:]
    blurs = [gaussian_blur(rest, [7, 7], [sigma, sigma]) for sigma in (0.6, 1.2)]
    distances = [frechet_distance(gaussian(blurred), real_side) for blurred in (rest, *blurs)]
    assert distances[1] > 1.2 * distances[0]
    assert distances[2] > 1.5 * distances[1]


def test_colour32():
    grey = torch.full((2, 1, 32, 32), 51, dtype=torch.uint8)
    assert torch.equal(colour32(grey), torch.full((2, 3, 32, 32), 0.2))
    ramp = torch.arange(96, dtype=torch.uint8).view(1, 1, 1, 96).expand(1, 3, 96, 96)
    small = colour32(ramp) * 255
    assert small.shape == (1, 3, 32, 32)
    assert torch.allclose(small[0, 0, 0, 1:-1], torch.arange(1, 31) * 3 + 1.0, atol=1e-3)


def test_damaged_weights_are_refused(tmp_path, monkeypatch):
    damaged = tmp_path / "cifar_resnet.npz"
    damaged.write_bytes(cifar.WEIGHTS.read_bytes()[:-1])
    monkeypatch.setattr(cifar, "WEIGHTS", damaged)
    with pytest.raises(UserError, match=r"cifar_resnet\.npz is damaged"):
        metrics(10).check(tmp_path)


def test_the_weights_are_small():
    assert cifar.WEIGHTS.stat().st_size < 2**20
