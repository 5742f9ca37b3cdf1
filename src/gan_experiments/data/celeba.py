"""CelebA: aligned faces."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from gan_experiments.data import pictures
from gan_experiments.data.base import Data, ImageSet
from gan_experiments.data.download import Remote
from gan_experiments.errors import UserError, did_you_mean

IMAGES, PARTITION = "img_align_celeba.zip", "list_eval_partition.txt"
PARTS = {"train": {"0"}, "valid": {"1"}, "test": {"2"}, "all": {"0", "1", "2"}}


@dataclass
class CelebA(Data):
    """202,599 aligned faces of 178x218 pixels (Liu et al. 2015): the middle `crop` pixels, resized.

    `train_split`: "train", "valid" or "all" of the official partition. The two files are put in place by hand and
    the zip file is read as it is.
    """

    crop: int = MISSING
    train_split: str = MISSING

    folders = ("celeba", "CelebA", ".")
    remotes = (
        Remote(IMAGES, (), md5="00d2c5bc6d35e252742224ab0c1e8fcb"),
        Remote(PARTITION, (), md5="d32c9cbf5e040fd4025c592c306e6668"),
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.crop <= 178:
            raise UserError(f"data.crop must be from 1 to 178, the width of the faces, not {self.crop}")
        choices = [split for split in PARTS if split != "test"]
        if self.train_split not in choices:
            raise UserError(
                f"data.train_split must be one of {', '.join(choices)}, not {self.train_split}"
                + did_you_mean(self.train_split, choices)
            )

    @classmethod
    def fetch(cls, root: Path) -> None:
        if missing := cls.missing(root):
            raise UserError(
                "CelebA is handed out through a Google Drive that no program can rely on. From "
                "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (Align&Cropped Images) bring:\n"
                + "\n".join(f"  {root / cls.folders[0] / remote.name}" for remote in missing)
            )

    def read(self, split: str, root: Path) -> ImageSet:
        archive, partition = (self.find(remote.name, root) for remote in self.remotes)
        assert archive is not None
        assert partition is not None
        chosen = self.train_split if split == "train" else split
        names = _names(partition, PARTS[chosen])
        fit = pictures.Fit(self.channels, self.image_size, self.crop)
        try:
            with zipfile.ZipFile(archive) as opened:
                return ImageSet(
                    pictures.decode_all(
                        f"celeba-{chosen}", root, [archive, partition], fit, names, _reader(opened)
                    )
                )
        except zipfile.BadZipFile as error:
            raise UserError(f"{archive} is damaged: {error}") from error


def _reader(archive: zipfile.ZipFile) -> pictures.Reader:
    def read(name: str) -> bytes:
        try:
            return archive.read(f"img_align_celeba/{name}")
        except KeyError as error:
            raise UserError(f"{archive.filename} has no img_align_celeba/{name}") from error

    return read


def _names(partition: Path, wanted: set[str]) -> list[str]:
    names = []
    for number, line in enumerate(partition.read_text().splitlines(), 1):
        words = line.split()
        if len(words) != 2 or words[1] not in PARTS["all"]:
            raise UserError(f"{partition}, line {number}: expected a file name and 0, 1 or 2, not '{line}'")
        if words[1] in wanted:
            names.append(words[0])
    if not names:
        raise UserError(f"{partition} names no image of this split")
    return names
