"""What a data set is: a component that turns files into uint8 arrays."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from omegaconf import MISSING

from gan_experiments.data import cache, download, files
from gan_experiments.data.download import Remote
from gan_experiments.data.transforms import Pixels, center_crop
from gan_experiments.errors import UserError
from gan_experiments.types import ImageShape

Labels = NDArray[np.int64]


@dataclass
class ImageSet:
    """One split, decoded.

    `images`: uint8 (n, c, h, w), in memory or mapped from the cache; not to be written to. `labels`: int64 (n,),
    or None. `sources`: the images of the domain translated from, uint8 (m, c, h, w), or None; `paired`: row for
    row the partners of `images`. `crop`: training takes squares of this size from random places; None: everything.
    `class_names`: what the labels mean, or None.
    """

    images: Pixels
    labels: Labels | None = None
    sources: Pixels | None = None
    paired: bool = field(default=False, kw_only=True)
    crop: int | None = field(default=None, kw_only=True)
    class_names: tuple[str, ...] | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.images)

    def swapped(self) -> ImageSet:
        """The two domains exchanged."""
        assert self.sources is not None
        return ImageSet(self.sources, sources=self.images, paired=self.paired, crop=self.crop)

    def pieces(self, rows: NDArray[np.int64]) -> list[Pixels]:
        """The images of `rows` in their order, those of one size together, without `crop`'s margin: as metrics
        read them."""
        images = self.images[rows]
        return [images if self.crop is None else center_crop(images, self.crop)]

    @cached_property
    def digest(self) -> str:
        """sha256 of shapes and values, the same wherever the files lie."""
        arrays = (self.images, self.labels, self.sources)
        parts = [_digest(array) if array is not None else "" for array in arrays]
        if self.crop is not None:
            parts.append(str(self.crop))
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _digest(array: NDArray[Any]) -> str:
    """sha256 of one array; that of a whole mapped file is remembered in a file beside it."""
    if not isinstance(array, np.memmap) or array.filename is None:
        return cache.digest(array)
    file = Path(array.filename)
    if not array.flags.c_contiguous or array.offset + array.nbytes != file.stat().st_size:
        return cache.digest(array)
    if (note := cache.note(file)).is_file():
        return note.read_text().partition(" ")[0].strip()
    digest = cache.digest(array)
    cache.write_note(file, digest)
    return digest


MOST_CLASSES = 100_000


@dataclass
class Data:
    """A data set: `load` gives a split as uint8, fetching and decoding what is missing.

    A set with labels of which `num_classes` is 0 is used without them. `flip` mirrors a random half of each
    training batch.
    """

    channels: int = MISSING  # 1 (grey) or 3 (RGB); the other kind is converted
    image_size: int = MISSING  # height and width in pixels
    num_classes: int = MISSING  # 0: no labels
    flip: bool = MISSING

    option: ClassVar[
        str
    ]  # the name on the command line, as in data=mnist: that of the module, or the class says
    domains: ClassVar[int] = 1  # 2: images are translated from one to the other
    paired: ClassVar[bool] = False  # whether each image has its partner in the other domain
    folders: ClassVar[tuple[str, ...]] = ()  # under the root: to put files in (the first), to look in (all)
    remotes: ClassVar[tuple[Remote, ...]] = ()
    unpacked: ClassVar[str] = ""  # the folder inside the archive, if `remotes` is one archive

    def __init_subclass__(cls) -> None:
        if "option" not in vars(cls):
            cls.option = cls.__module__.rpartition(".")[2]

    def __post_init__(self) -> None:
        if self.channels not in (1, 3):
            raise UserError(f"data.channels must be 1 (grey) or 3 (colour), not {self.channels}")
        if self.image_size < 1:
            raise UserError(f"data.image_size must be at least 1, not {self.image_size}")
        if not 0 <= self.num_classes <= MOST_CLASSES:
            raise UserError(
                f"data.num_classes must be 0 (no labels) or more, up to {MOST_CLASSES:,}, not {self.num_classes}"
            )

    @property
    def shape(self) -> ImageShape:
        return ImageShape(self.channels, self.image_size, classes=self.num_classes, source=self.source_shape)

    @property
    def title(self) -> str:
        """What records call it: `mnist`, or `folder cats` of files of the user's own in `.../cats`."""
        path = getattr(self, "path", None)
        return f"{self.option} {Path(path).name}" if path else self.option

    @property
    def source_shape(self) -> ImageShape | None:
        """The shape of the images translated from, None for data of one domain."""
        return None

    @property
    def provides(self) -> frozenset[str]:
        """What a model may need besides images: "labels", "sources", "pairs"."""
        has = {"labels": self.num_classes > 1, "sources": self.domains == 2, "pairs": self.paired}
        return frozenset(name for name, there in has.items() if there)

    def splits(self) -> tuple[str, ...]:
        """The splits that `load` knows."""
        return ("train", "test")

    def load(self, split: str, root: Path) -> ImageSet:
        """The split "train" or "test" under the folder `root`; raises UserError for what cannot be had or read."""
        name, splits = self.option, self.splits()
        if split not in splits:
            known = " and ".join(f"'{known}'" for known in splits)
            raise UserError(f"data={name} has no split '{split}' here, only {known}")
        self.fetch(root)
        images = self.read(split, root)
        if not len(images):
            raise UserError(f"data={name} has no images in its split '{split}'")
        if self.num_classes == 0:
            images.labels = images.class_names = None
        elif images.labels is None:
            raise UserError(f"data={name} has no labels here; set data.num_classes=0")
        elif not 0 <= images.labels.min() <= images.labels.max() < self.num_classes:
            raise UserError(
                f"data.num_classes is {self.num_classes}, but the labels of data={name} go from "
                f"{images.labels.min()} to {images.labels.max()}"
            )
        return images

    def read(self, split: str, root: Path) -> ImageSet:
        """Decode one split whose files are there: what each data set defines."""
        raise NotImplementedError

    @classmethod
    def find(cls, name: str, root: Path) -> Path | None:
        """Where the file or folder `name` of this set lies, or None."""
        places = [*(root / folder for folder in cls.folders), cache.folder(root)]
        return next((place / name for place in places if (place / name).exists()), None)

    @classmethod
    def missing(cls, root: Path) -> list[Remote]:
        """The files that `fetch` would download."""
        if cls.unpacked and cls.find(cls.unpacked, root):
            return []
        return [remote for remote in cls.remotes if cls.find(remote.name, root) is None]

    @classmethod
    def fetch(cls, root: Path) -> None:
        """Download and unpack what is missing under `root`; raises UserError where that fails."""
        for remote in cls.missing(root):
            download.fetch(remote, root / cls.folders[0])
        if cls.unpacked and cls.find(cls.unpacked, root) is None:
            (archive,) = (cls.find(remote.name, root) for remote in cls.remotes)
            assert archive is not None
            into = archive.parent if files.writable(archive.parent) else cache.folder(root)
            files.unpack(archive, cls.unpacked, into)

    @classmethod
    def contents(cls) -> dict[str, str]:
        """The md5 of each file in the folder `unpacked`, where they are published."""
        return {}

    def check(self, root: Path) -> list[str]:
        """Every problem found, one sentence each: files missing or changed, splits that cannot be read."""
        problems = [
            f"{remote.name} is missing, expected in {root / self.folders[0]}" for remote in self.missing(root)
        ]
        for remote in self.remotes:
            file = self.find(remote.name, root)
            if file and file.name == remote.name and (wrong := download.mismatch(file, remote.md5)):
                problems.append(wrong)
        unpacked = self.find(self.unpacked, root) if self.unpacked else None
        for name, md5 in self.contents().items() if unpacked else ():
            assert unpacked is not None
            if not (unpacked / name).is_file():
                problems.append(f"{unpacked / name} is missing")
            elif wrong := download.mismatch(unpacked / name, md5):
                problems.append(wrong)
        return problems or self.check_splits(root)

    def check_splits(self, root: Path) -> list[str]:
        """The problems of decoding every split, once the files are known to be right."""
        problems = []
        for split in self.splits():
            try:
                self.load(split, root)
            except UserError as error:
                problems.append(str(error))
        return problems
