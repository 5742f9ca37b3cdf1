"""MNIST, and the idx format."""

from __future__ import annotations

import gzip
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gan_experiments.data.base import Data, ImageSet
from gan_experiments.data.download import Remote
from gan_experiments.data.transforms import to_channels
from gan_experiments.errors import UserError


def read_idx(file: Path) -> NDArray[np.uint8]:
    """The array of bytes in an idx file, compressed or not; raises UserError for anything else."""
    try:
        content = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    dimensions = content[3] if len(content) > 3 else 0
    start = 4 + 4 * dimensions
    shape = tuple(int(n) for n in np.frombuffer(content[4:start], ">u4")) if len(content) >= start else ()
    if content[:3] != b"\0\0\x08" or not shape or len(content) - start != math.prod(shape):
        raise UserError(f"{file} is not a complete idx file of bytes")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()


def idx_remotes(mirrors: tuple[str, ...], *md5s: str) -> tuple[Remote, ...]:
    """The four files of a set in MNIST's form."""
    kinds = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    names = (f"{kind}-ubyte.gz" for kind in kinds)
    return tuple(
        Remote(name, tuple(mirror + name for mirror in mirrors), md5)
        for name, md5 in zip(names, md5s, strict=True)
    )


@dataclass
class Mnist(Data):
    """70,000 handwritten digits of 28x28 pixels (LeCun et al. 1998); at 32 pixels they get a black margin."""

    class_names: ClassVar[tuple[str, ...]] = tuple("0123456789")
    folders = ("MNIST/raw", "mnist")
    remotes = idx_remotes(
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    )

    @property
    def counts(self) -> dict[str, int]:
        """How many images each split has."""
        return {"train": 60_000, "test": 10_000}

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size not in (28, 32):
            raise UserError(
                f"data.image_size must be 28 or 32 (a margin of 2) for {self.option}, not {self.image_size}"
            )

    @classmethod
    def find(cls, name: str, root: Path) -> Path | None:
        return super().find(name, root) or super().find(name.removesuffix(".gz"), root)

    def check_splits(self, root: Path) -> list[str]:
        # The checksums are those of the packed files; of files unpacked by hand the counts must do.
        problems = super().check_splits(root)
        for split, count in self.counts.items() if not problems else ():
            if (there := len(self.load(split, root))) != count:
                problems.append(
                    f"data={self.option}: {there} images in its split '{split}' instead of {count}"
                )
        return problems

    def read(self, split: str, root: Path) -> ImageSet:
        prefix = "train" if split == "train" else "t10k"
        images, labels = (
            read_idx(self.find(name, root) or root / name)
            for name in (f"{prefix}-images-idx3-ubyte.gz", f"{prefix}-labels-idx1-ubyte.gz")
        )
        if images.shape != (len(labels), 28, 28):
            raise UserError(
                f"data={self.option}: {len(labels)} labels do not go with images of shape {images.shape}"
            )
        margin = (self.image_size - 28) // 2
        images = np.pad(images, ((0, 0), (margin, margin), (margin, margin)))[:, None]
        return ImageSet(
            to_channels(images, self.channels), labels.astype(np.int64), class_names=self.class_names
        )
