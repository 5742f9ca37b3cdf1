"""Figures of degraded test images against the training images: does a feature network order them as it should?

    python scripts/degrade.py data=npz data.path=cifar10.npz metrics=cifar metrics.samples=3000

takes any data with ten labels and any feature network, as gan-train does, and prints a table; `metrics.samples` test
images, at most what three classes have, stand for samples in every row. Blur, noise, swirl and contamination are those
of Heusel et al. 2017 (appendix A1).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur

from gan_experiments.cli.composing import built, composed
from gan_experiments.data import ImageSet
from gan_experiments.errors import UserError

FIGURES = ("fd", "kid", "precision", "recall", "density", "coverage", "is")

# Every degradation takes uint8 images (n, c, h, w), their labels (n,) and a level, and gives images.


def blur(images: Tensor, labels: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of `sigma` pixels."""
    return gaussian_blur(images, [2 * math.ceil(3 * sigma) + 1] * 2, [sigma, sigma])


def noise(images: Tensor, labels: Tensor, sigma: float) -> Tensor:
    """Gaussian noise of `sigma` of 255 levels."""
    draws = torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + sigma * draws).round().clamp(0, 255).byte()


def swirl(images: Tensor, labels: Tensor, turn: float) -> Tensor:
    """Turned about the centre by `turn` radians, less and less towards the border."""
    rows, columns = images.shape[-2:]
    y, x = torch.meshgrid(torch.linspace(-1, 1, rows), torch.linspace(-1, 1, columns), indexing="ij")
    angle = turn * (1 - x.hypot(y)).clamp(min=0)
    grid = torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], -1)
    turned = F.grid_sample(images.float(), grid.expand(len(images), -1, -1, -1), align_corners=True)
    return turned.round().byte()


def drop_classes(images: Tensor, labels: Tensor, left: int) -> Tensor:
    """Only the images of the first `left` classes."""
    return images[labels < left]


def mix_classes(images: Tensor, labels: Tensor, share: float) -> Tensor:
    """A `share` of the images has its right half from an image of another class."""
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    rows = (labels[order] != labels).nonzero().flatten()[: round(share * len(images))]
    half, mixed = images.shape[-1] // 2, images.clone()
    mixed[rows, :, :, half:] = images[order[rows], :, :, half:]
    return mixed


Degradation = Callable[[Tensor, Tensor, float], Tensor]
DEGRADATIONS: dict[str, tuple[Degradation, tuple[float, ...]]] = {
    "blur, sigma in pixels": (blur, (0.5, 1, 2)),
    "noise, sigma of 255": (noise, (8, 16, 32)),
    "swirl, radians": (swirl, (1, 2, 4)),
    "classes left of 10": (drop_classes, (8, 5, 3)),
    "share with half of another class": (mix_classes, (0.25, 0.5, 0.8)),
}


def main(settings: list[str]) -> None:
    torch.set_num_threads(1)
    config = composed(settings)
    data, metrics, root = built(config.data), built(config.metrics), Path(config.paths.data)
    real, test = data.load("train", root), data.load("test", root)
    evaluator = metrics.evaluator(real, torch.device("cpu"), paths_data=root)
    names = [metrics.key(figure) for figure in FIGURES]

    def measured(images: ImageSet) -> list[float]:
        values = evaluator.evaluate(evaluator.of(images)).values
        return [values[name] for name in names]

    def row(title: str, level: str, values: list[float]) -> None:
        print(f"| {title} | {level} | " + " | ".join(f"{value:.3g}" for value in values) + " |", flush=True)

    print("| test images with | level | " + " | ".join(f"`{name}`" for name in names) + " |")
    print("|---|" + "---|" * (len(names) + 1))
    row("nothing", "", measured(test))
    images, labels = torch.tensor(test.images), torch.tensor(test.labels)
    for title, (degrade, levels) in DEGRADATIONS.items():
        for level in levels:
            degraded = replace(test, images=degrade(images, labels, level).numpy(), labels=None)
            row(title, f"{level:g}", measured(degraded))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
