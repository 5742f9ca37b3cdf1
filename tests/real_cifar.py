"""Real CIFAR-10 images for tests: strips of 500 as the folder with real data has them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SHARED = Path(__file__).parents[1].parent / "shared" / "data"


def strips(split: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The first 500 * `count` images (n, 32, 32, 3) of a split and their labels; skips where there are none."""
    folder = Path(os.environ.get("GAN_DATA") or SHARED) / "cifar10"
    if not folder.is_dir():
        pytest.skip(f"needs the real images in {folder}")
    files = sorted(folder.glob(f"{split}_*.webp"))[:count]
    images = np.concatenate([np.asarray(Image.open(file)).reshape(-1, 32, 32, 3) for file in files])
    return images, np.load(folder / f"labels_{split}.npy")[: len(images)]
