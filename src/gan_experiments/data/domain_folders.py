"""Two domains of your own, without pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omegaconf import MISSING

from gan_experiments.data.two_domains import TwoDomains


@dataclass
class DomainFolders(TwoDomains):
    """Your own two domains: the folders trainA, trainB, testA and testB in `path`."""

    path: str = MISSING

    def home(self, root: Path) -> Path:
        return Path(self.path).expanduser()

    def splits(self) -> tuple[str, ...]:
        home = self.home(Path())
        return ("train", "test") if (home / "testA").is_dir() or (home / "testB").is_dir() else ("train",)
