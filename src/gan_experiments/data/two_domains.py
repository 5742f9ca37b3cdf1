"""What the data sets of two image domains share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Optional

from gan_experiments.data import pictures
from gan_experiments.data.base import ImageSet
from gan_experiments.data.picture_folders import PictureFolders
from gan_experiments.data.scan import Scan
from gan_experiments.errors import UserError
from gan_experiments.types import ImageShape


@dataclass(frozen=True)
class Domain:
    """The pictures of one domain in one split: files of a folder, or one `half` ("left", "right") of each."""

    listing: Scan
    files: list[Path]
    half: str | None = None


@dataclass
class TwoDomains(PictureFolders):
    """Images of domain A to be translated into images of domain B, or with `reverse` from B to A.

    The middle square of each picture is taken. Training takes random crops of `image_size` from squares resized to
    `load_size` (None: 286/256 of `image_size`; Isola et al. 2017, appendix 6.2), the test split takes whole squares.
    `source_channels` (None: as `channels`) are those of the images translated from, whichever domain that is.
    """

    reverse: bool = False
    source_channels: Optional[int] = None  # noqa: UP045
    load_size: Optional[int] = None  # noqa: UP045

    domains = 2
    counts: ClassVar[dict[str, int]] = {}  # the pictures in each folder, where they are published

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_classes:
            raise UserError(f"data.num_classes must be 0 for {self.option}, which has no labels")
        if self.source_channels not in (None, 1, 3):
            raise UserError(
                f"data.source_channels must be 1 (grey) or 3 (colour), not {self.source_channels}"
            )
        if self.load_size is not None and self.load_size < self.image_size:
            raise UserError(
                f"data.load_size={self.load_size} is smaller than the crops of data.image_size={self.image_size}"
            )

    @property
    def source_shape(self) -> ImageShape:
        return ImageShape(self.source_channels or self.channels, self.image_size)

    def home(self, root: Path) -> Path:
        """The folder that the splits lie in."""
        home = self.find(self.unpacked, root)
        assert home is not None
        return home

    def split_domains(self, split: str, root: Path) -> tuple[Domain, Domain]:
        """Domains A and B: here the folders trainA, trainB, testA and testB (Zhu et al. 2017)."""
        first, second = (pictures.looked_through(self.home(root) / f"{split}{letter}") for letter in "AB")
        return Domain(first, first.files), Domain(second, second.files)

    def read(self, split: str, root: Path) -> ImageSet:
        parts = self._fits(split, root)
        for listing in {domain.listing.folder: domain.listing for domain, _ in parts}.values():
            listing.tell()
        sources, images = (
            pictures.decode_files(f"{self.option}-{domain.listing.folder.name}", root, domain.files, fit)
            for domain, fit in parts
        )
        crop = self.image_size if images.shape[-1] > self.image_size else None
        return ImageSet(images, sources=sources, paired=self.paired, crop=crop)

    def check_splits(self, root: Path) -> list[str]:
        wrong = []
        for name, count in self.counts.items():
            folder = self.home(root) / name
            there = len(pictures.under(folder))
            if there != count:
                wrong.append(f"{folder} has {there} images instead of {count}")
        try:
            for split in self.splits():
                for domain, fit in self._fits(split, root):
                    wrong += pictures.unreadable(domain.files, fit)
        except UserError as error:
            wrong.append(str(error))
        return list(dict.fromkeys(wrong)) or super().check_splits(root)

    def _fits(self, split: str, root: Path) -> list[tuple[Domain, pictures.Fit]]:
        """The domain translated from and the one translated to, and how their pictures are decoded."""
        size = self.image_size
        if split == "train":
            size = self.load_size or round(size * 286 / 256)
        sources, images = self.split_domains(split, root)
        if self.reverse:
            sources, images = images, sources
        channels = self.source_channels or self.channels, self.channels
        return [
            (domain, pictures.Fit(c, size, None, domain.half, self.background, self.scale))
            for c, domain in zip(channels, (sources, images), strict=True)
        ]
