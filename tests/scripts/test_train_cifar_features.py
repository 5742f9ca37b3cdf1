"""The training of the features of `metrics=cifar`: its parts, and that an interrupted one goes on to the same end."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from script_helpers import load

from gan_experiments.metrics.cifar import CifarResNet


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("train_cifar_features")


def images(count: int) -> torch.Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_steps_are_orthogonal(script: ModuleType) -> None:
    matrix = torch.randn(32, 216, generator=torch.Generator().manual_seed(0))
    before, after = (torch.linalg.svd(m)[1] for m in (matrix, script.orthogonal(matrix)))
    assert before.max() > 2 * before.min()
    assert ((after > 0.65) & (after < 1.25)).all()


@torch.no_grad()
def test_the_first_filters_whiten(script: ModuleType) -> None:
    network, pictures = CifarResNet(), images(100)
    script.whiten(network, pictures)
    responses = network.whiten(pictures).movedim(1, 0).flatten(1)
    torch.testing.assert_close(responses[:12].cov(), torch.eye(12), atol=0.01, rtol=0)
    torch.testing.assert_close(responses[12:], -responses[:12])
    torch.testing.assert_close(responses.mean(1), torch.zeros(24), atol=1e-3, rtol=0)


def test_augmented_images_are_shifted_and_mirrored(script: ModuleType) -> None:
    pictures, mirrored = images(40), torch.arange(40) % 2 == 1
    moved = script.augment(pictures, mirrored, 32, torch.Generator().manual_seed(0))
    inner = pictures[:, :, 8:24, 8:24]
    for one, middle, mirror in zip(moved, inner, mirrored, strict=True):
        windows = (one.flip(2) if mirror else one).unfold(1, 16, 1).unfold(2, 16, 1).movedim(0, 2)
        ((down, right),) = (windows == middle).flatten(2).all(2).nonzero().tolist()
        assert 6 <= down <= 10
        assert 6 <= right <= 10
    assert script.augment(pictures, mirrored, 24, torch.Generator()).shape == (40, 3, 24, 24)


def test_an_interrupted_training_goes_on_to_the_same_weights(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "CYCLES", [(1.0, [24, 32]), (0.5, [24])])
    monkeypatch.setattr(script, "BATCH", 10)
    pictures, labels = images(20), torch.arange(20) % 10
    augment, calls = script.augment, []

    def interrupted(*arguments: Any) -> torch.Tensor:
        calls.append(None)
        if len(calls) in (4, 7):  # within an epoch, and between the cycles
            raise KeyboardInterrupt
        result: torch.Tensor = augment(*arguments)
        return result

    def trained(file: str) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        network = CifarResNet()
        script.train(network, pictures, labels, tmp_path / file)
        return network.state_dict()

    straight = trained("straight")
    monkeypatch.setattr(script, "augment", interrupted)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            trained("resumed")
    resumed = trained("resumed")
    assert len(calls) == 4 + 3 + 2
    for name, value in straight.items():
        assert torch.equal(value, resumed[name]), name
