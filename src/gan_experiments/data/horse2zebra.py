"""Horses and zebras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from gan_experiments.data.download import Remote
from gan_experiments.data.two_domains import TwoDomains


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
    counts: ClassVar[dict[str, int]] = {"trainA": 1067, "trainB": 1334, "testA": 120, "testB": 140}
