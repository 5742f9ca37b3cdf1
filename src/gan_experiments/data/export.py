"""A data set's images as PNG files, for tools that take folders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_experiments.data.base import ImageSet
from gan_experiments.writing import writing

CHUNK = 1000  # images at a time


def export(images: ImageSet, folder: Path, split: str) -> Iterator[tuple[Path, int]]:
    """Write the images of a split; yields each folder with the number of its images.

    `folder/train`, in it a folder for each class where there are labels; of two domains `folder/trainA`, translated
    from, and `folder/trainB`, with partners under the same name. Raises RunError where the disk refuses.
    """
    if images.sources is None:
        yield folder / split, _write(images, folder / split)
        return
    for letter, domain in (("A", images.swapped()), ("B", images)):
        place = folder / f"{split}{letter}"
        yield place, _write(domain, place)


def _write(images: ImageSet, folder: Path) -> int:
    names = images.class_names
    labels = images.labels
    with tqdm(total=len(images), unit="image", desc=folder.name, leave=False, disable=None) as bar:
        for start in range(0, len(images), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(images)))
            pixels = (image for piece in images.pieces(rows) for image in piece)
            for row, image in zip(rows, pixels, strict=True):
                label = "" if labels is None else names[labels[row]] if names else str(labels[row])
                file = folder / label / f"{row:06d}.png"
                with writing(file) as new:
                    Image.fromarray(image[0] if len(image) == 1 else np.moveaxis(image, 0, 2)).save(new)
            bar.update(len(rows))
    return len(images)
