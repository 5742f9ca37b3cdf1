"""Data sets of pairs: each image has its partner in the other domain."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from omegaconf import MISSING

from gan_experiments.data import pictures
from gan_experiments.data.download import Remote
from gan_experiments.data.scan import Scan
from gan_experiments.data.two_domains import Domain, TwoDomains
from gan_experiments.errors import UserError


@dataclass
class Pairs(TwoDomains):
    """Pairs side by side in one picture, A on the left and B on the right, in folders train, val and test
    (Isola et al. 2017, pix2pix); without a folder test, val is the test split."""

    paired = True

    def split_domains(self, split: str, root: Path) -> tuple[Domain, Domain]:
        home = self.home(root)
        folder = "val" if split == "test" and not (home / "test").is_dir() else split
        listing = pictures.looked_through(home / folder)
        return Domain(listing, listing.files, "left"), Domain(listing, listing.files, "right")


def _remotes(name: str) -> tuple[Remote, ...]:
    site = "efrosgans.eecs.berkeley.edu/pix2pix/datasets"
    urls = (f"https://{site}/{name}.tar.gz", f"http://{site}/{name}.tar.gz")
    return (Remote(f"{name}.tar.gz", urls),)


@dataclass
class Maps(Pairs):
    """2,194 aerial photographs (A) and maps (B) of New York, 600x600 pixels (Isola et al. 2017).

    Its authors publish no checksum: that of the first download is noted and checked from then on.
    """

    option = "maps"
    folders = (".",)
    remotes = _remotes("maps")
    unpacked = "maps"
    counts: ClassVar[dict[str, int]] = {"train": 1096, "val": 1098}


@dataclass
class Facades(Pairs):
    """606 facades (A) and the labels of their parts (B), 256x256 pixels (Tylecek and Sara 2013; Isola et al. 2017).

    Its authors publish no checksum: that of the first download is noted and checked from then on.
    """

    option = "facades"
    folders = (".",)
    remotes = _remotes("facades")
    unpacked = "facades"
    counts: ClassVar[dict[str, int]] = {"train": 400, "val": 100, "test": 106}


@dataclass
class PairedFolders(Pairs):
    """Your own pairs in `path`: side by side in one picture, in the folders train and test (or val); or in the
    folders trainA, trainB, testA and testB (or valA, valB), where partners have equal names before the suffix."""

    path: str = MISSING

    option = "paired_folders"

    def home(self, root: Path) -> Path:
        return Path(self.path).expanduser()

    def splits(self) -> tuple[str, ...]:
        home = self.home(Path())
        there = any((home / name).is_dir() for name in ("test", "val", "testA", "valA"))
        return ("train", "test") if there else ("train",)

    def split_domains(self, split: str, root: Path) -> tuple[Domain, Domain]:
        home = self.home(root)
        if not home.is_dir():
            raise UserError(f"data.path={self.path}: there is no such folder")
        apart, together = (home / "trainA").is_dir(), (home / "train").is_dir()
        if apart == together:
            which = "both of them" if apart else "neither"
            raise UserError(
                f"{home} must have either a folder train of pairs side by side or folders trainA and trainB; "
                f"it has {which}"
            )
        if together:
            return super().split_domains(split, root)
        name = "val" if split == "test" and not (home / "testA").is_dir() else split
        return _partners(home / f"{name}A", home / f"{name}B")


def _partners(first: Path, second: Path) -> tuple[Domain, Domain]:
    """Two folders in the order of their common names; raises UserError naming files without a partner."""
    scans = [pictures.looked_through(folder) for folder in (first, second)]
    mine, theirs = (_by_name(listing) for listing in scans)
    for here, there, folder in ((mine, theirs, second), (theirs, mine, first)):
        if alone := [file for name, file in here.items() if name not in there]:
            more = f" (nor have {len(alone) - 1} others)" if len(alone) > 1 else ""
            raise UserError(f"{alone[0]} has no partner of the same name in {folder}{more}")
    for name, file in mine.items():
        (width, height), (w, h) = pictures.size(file), pictures.size(theirs[name])
        if width * h != w * height:
            raise UserError(
                f"{file} ({width}x{height}) and its partner {theirs[name]} ({w}x{h}) differ in proportions, "
                "so no crop shows the same part of both"
            )
    order = sorted(mine)
    a, b = (
        Domain(listing, [files[name] for name in order])
        for listing, files in zip(scans, (mine, theirs), strict=True)
    )
    return a, b


def _by_name(listing: Scan) -> dict[str, Path]:
    """The pictures of a folder by their path in it without the suffix."""
    files: dict[str, Path] = {}
    for file in listing.files:
        name = str(file.relative_to(listing.folder).with_suffix(""))
        if name in files:
            raise UserError(f"{files[name]} and {file} have one name, so their partner is not known")
        files[name] = file
    return files
