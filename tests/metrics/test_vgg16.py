from __future__ import annotations

import pytest
import torch
from metrics_helpers import random_images
from torch_fidelity.feature_extractor_vgg16 import FeatureExtractorVGG16
from torchvision.models import vgg16

from gan_experiments.errors import UserError
from gan_experiments.metrics import Vgg16Metrics
from gan_experiments.metrics.vgg16 import Vgg16


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        shapes = {name: value.shape for name, value in vgg16().state_dict().items()}
    generator = torch.Generator().manual_seed(0)
    return {
        name: (torch.rand(shape, generator=generator) - 0.5) * (4 / max(1, shape[1:].numel()) ** 0.5)
        for name, shape in shapes.items()
    }


def test_features_equal_to_torch_fidelity(state, monkeypatch):
    monkeypatch.setattr(torch, "load", lambda *arguments, **settings: state)
    original = FeatureExtractorVGG16("vgg16", ["fc2_relu"], feature_extractor_weights_path="any")
    images = torch.from_numpy(random_images(2))
    with torch.no_grad():
        (expected,) = original(images)
        features, logits = Vgg16(state).eval()(images)
    assert expected.std() > 0.01
    torch.testing.assert_close(features, expected, rtol=1e-3, atol=1e-4 * float(expected.max()))
    assert logits.shape == (2, 0)


def component(file) -> Vgg16Metrics:
    return Vgg16Metrics(samples=12, real=None, batch_size=8, seed=0, weights=str(file), sha256="397923af")


def test_no_distance_and_so_no_best(tmp_path):
    assert component(tmp_path).best is None
    assert component(tmp_path).key("precision") == "precision_vgg16"


def test_weights_are_told_apart(tmp_path):
    file = tmp_path / "vgg16.pth"
    torch.save({"features.0.weight": torch.zeros(1)}, file)
    with pytest.raises(UserError, match="not 397923af"):
        component(file).check(tmp_path)
