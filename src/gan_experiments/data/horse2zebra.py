"""Horses and zebras."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gan_experiments.data import pictures
from gan_experiments.data.domain_folders import TwoDomains
from gan_experiments.data.download import Remote

COUNTS = {"trainA": 1067, "trainB": 1334, "testA": 120, "testB": 140}


@dataclass
class Horse2Zebra(TwoDomains):
    """1,187 horses and 1,474 zebras of 256x256 pixels, from ImageNet (Zhu et al. 2017, CycleGAN).

    Its authors publish no checksum: that of the first download is noted and checked from then on.
    """

    folders = (".",)
    remotes = (
        Remote(
            "horse2zebra.zip",
            (
                "https://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
                "http://efrosgans.eecs.berkeley.edu/cyclegan/datasets/horse2zebra.zip",
            ),
        ),
    )
    unpacked = "horse2zebra"

    def home(self, root: Path) -> Path:
        home = self.find(self.unpacked, root)
        assert home is not None
        return home

    def check_splits(self, root: Path) -> list[str]:
        found = {name: len(pictures.under(self.home(root) / name)) for name in COUNTS}
        wrong = [
            f"{self.home(root) / name} has {found[name]} images instead of {count}"
            for name, count in COUNTS.items()
            if found[name] != count
        ]
        return wrong + super().check_splits(root)
