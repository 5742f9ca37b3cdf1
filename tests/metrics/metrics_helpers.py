"""Small images, and a sampler that hands them out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn


@dataclass
class ImageSet:
    """What metrics need of a data set's split."""

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)

    def pieces(self, rows: np.ndarray) -> list[np.ndarray]:
        return [self.images[rows]]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.images.tobytes()).hexdigest()


def random_images(count: int, channels: int = 3, size: int = 32, seed: int = 0) -> np.ndarray:
    """uint8 images with some structure: upsampled noise."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 4, 4, generator=generator)
    fine = nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    return (fine * 255).clamp(0, 255).to(torch.uint8).numpy()


def sampler(images: np.ndarray | Tensor):
    """`sample(n)` that gives the images in their order, once."""
    left = iter(torch.as_tensor(images).split(1))
    return lambda n: torch.cat([next(left) for _ in range(n)])
