"""Points go through a run like images, and are drawn instead of shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.io import read_image

from gan_experiments.errors import UserError
from gan_experiments.training.restore import Restored
from gan_experiments.training.run import Run
from gan_experiments.training.views import ImageView, PointView, view
from gan_experiments.types import ImageShape, Inputs


@pytest.mark.parametrize("data", ["ring", "grid", "gaussian1d", "mixture1200"])
def test_a_run_on_points(data: str, compose: Any, tmp_path: Path) -> None:
    config, record = compose(
        f"data={data}",
        "metrics=modes",
        "model=wgan_gp",
        "network=mlp",
        "data.samples=100",
        "metrics.samples=50",
    )
    values = Run(config, tmp_path, record).train()
    assert set(values) == {"modes", "high_quality", "reverse_kl"}
    (row,) = map(json.loads, (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert row["protocol"]["generated"] == 50
    assert read_image(str(tmp_path / "samples" / "step_00000004.png")).shape == (3, 500, 500)

    restored = Restored(tmp_path / "checkpoints" / "last.pt", torch.device("cpu"))
    assert restored.shape == config.data.shape
    points = restored.generate(Inputs(restored.feed(0).take(5).z * 1e3))
    assert points.shape == (5, config.data.channels, 1, 1)
    assert points.abs().max() > 1  # no tanh


def test_images_are_shown_as_images_and_points_as_points() -> None:
    points = torch.tensor([4.0, -0.3]).view(1, 2, 1, 1)
    assert isinstance(view(ImageShape(1, 32), lambda n: points), ImageView)
    assert isinstance(view(ImageShape(2, 1, bounded=False), lambda n: points), PointView)


def test_the_picture_shows_real_points_generated_points_and_the_field() -> None:
    square = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]]).view(4, 2, 1, 1)
    seen: list[torch.Tensor] = []

    def scores(images: torch.Tensor) -> torch.Tensor:
        seen.append(images)
        return images.flatten(1).square().sum(1)

    plain = PointView(square).picture(square * 0.2)
    with_field = PointView(square).picture(square * 0.2, scores)
    assert plain.shape == with_field.shape == (3, 500, 500)
    (mesh,) = seen
    assert mesh.shape == (61 * 61, 2, 1, 1)
    assert mesh.flatten(1).amax(0).tolist() == pytest.approx([1.7, 1.7])
    orange = torch.tensor([255, 127, 14]).view(3, 1, 1) / 255
    assert ((plain - orange).abs().sum(0) < 0.05)[100:400, 100:400].sum() >= 4  # one at least for each point
    assert (plain != with_field).any()
    assert torch.equal(
        PointView(square).picture(square, lambda images: None), PointView(square).picture(square)
    )


def test_networks_for_images_refuse_points(compose: Any, tmp_path: Path) -> None:
    config, record = compose("data=ring", "model=gan", "network=dcgan")
    with pytest.raises(UserError, match="builds images, not points: network=mlp builds both"):
        Run(config, tmp_path, record)
