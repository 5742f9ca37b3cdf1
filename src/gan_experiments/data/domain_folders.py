"""Two domains of images without pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from gan_experiments.data import pictures
from gan_experiments.data.base import Data, ImageSet
from gan_experiments.errors import UserError


@dataclass
class TwoDomains(Data):
    """Folders trainA, trainB, testA and testB (Zhu et al. 2017): the middle square of each image, resized."""

    domains = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.num_classes:
            raise UserError(f"data.num_classes must be 0 for {self.option}, which has no labels")

    def home(self, root: Path) -> Path:
        """The folder of the four folders."""
        raise NotImplementedError

    def read(self, split: str, root: Path) -> ImageSet:
        first, second = (
            pictures.decode_files(f"{self.option}-{folder.name}", root, pictures.under(folder), self._fit())
            for folder in self._folders(split, root)
        )
        return ImageSet(first, other=second)

    def check_splits(self, root: Path) -> list[str]:
        unreadable = [
            problem
            for split in self.splits()
            for folder in self._folders(split, root)
            for problem in pictures.unreadable(pictures.under(folder), self._fit())
        ]
        return unreadable or super().check_splits(root)

    def _folders(self, split: str, root: Path) -> tuple[Path, Path]:
        home = self.home(root)
        return home / f"{split}A", home / f"{split}B"

    def _fit(self) -> pictures.Fit:
        return pictures.Fit(self.channels, self.image_size)


@dataclass
class DomainFolders(TwoDomains):
    """Your own two domains: the folders trainA, trainB, testA and testB in `path`."""

    path: str = MISSING

    def home(self, root: Path) -> Path:
        return Path(self.path).expanduser()
