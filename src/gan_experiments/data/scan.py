"""Which picture files a folder holds, and what in it is left out."""

from __future__ import annotations

import logging
import os
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from gan_experiments import parallel
from gan_experiments.data import files
from gan_experiments.errors import UserError
from gan_experiments.plain import plain

log = logging.getLogger(__name__)

SUFFIXES = {".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
FOREIGN = {"@eaDir", "@Recycle", "#recycle", "#snapshot", "$RECYCLE.BIN", "__MACOSX", "__pycache__"}
MAX_NAMES = 10  # names in the sentence


@dataclass
class Scan:
    """The picture files below `folder` in order of path, and by reason the names of what is left out."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def classes(self) -> list[str]:
        """The folders directly in `folder` that hold pictures, in order of name; numbers in their own order."""
        names = {file.relative_to(self.folder).parts[0] for file in self.files if file.parent != self.folder}
        return in_order(names)

    def tell(self, classes: list[str] | None = None) -> None:
        """One line: how many images, of which classes, and what is left out and why; from the first rank alone."""
        if parallel.rank():
            return
        line = f"{len(self.files)} images in {self.folder}"
        if classes:
            line += f", {len(classes)} classes ({_first_names(classes)})"
        if left_out := self.reasons():
            line += f"; left out: {left_out}"
        line = plain(line)
        if log.isEnabledFor(logging.INFO):
            log.info(line)
        else:
            print(line, file=sys.stderr)

    def reasons(self) -> str:
        """What is left out, in words."""
        parts = (
            f"{len(names)} {why} ({_first_names(dict.fromkeys(names))})"
            for why, names in self.left_out.items()
        )
        return ", ".join(parts)


def scan(folder: Path) -> Scan:
    """Look through `folder` and all below it; links to folders are followed, each folder is entered once.

    Left out: hidden files and folders, and those that systems put beside pictures; files of other kinds; links that
    lead nowhere; pipes and devices. Raises UserError where a folder cannot be read.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    listing = Scan(folder)
    entered: set[tuple[int, int]] = set()
    linked = [folder]  # after the folders themselves, so that these keep their own names
    while linked:
        waiting = [linked.pop(0)]
        while waiting:
            here = waiting.pop()
            try:
                stat = here.stat()
                if (stat.st_dev, stat.st_ino) in entered:
                    listing.left_out["links to a folder seen before"].append(here.name)
                    continue
                entered.add((stat.st_dev, stat.st_ino))
                with os.scandir(here) as entries:
                    for entry in sorted(entries, key=lambda entry: entry.name):
                        if _is_folder(entry, listing):
                            (linked if entry.is_symlink() else waiting).append(Path(entry.path))
            except OSError as error:
                raise UserError(f"{here} cannot be read: {files.reason(error)}") from error
    listing.files.sort()
    return listing


def _is_folder(entry: os.DirEntry[str], listing: Scan) -> bool:
    """Put a file where it belongs; whether it is a folder to be entered."""
    suffix = Path(entry.name).suffix.lower()
    if entry.name.startswith(".") or entry.name in FOREIGN:
        listing.left_out["hidden"].append(entry.name)
    elif not Path(entry.path).exists():
        listing.left_out["links that lead nowhere"].append(entry.name)
    elif entry.is_dir():
        return True
    elif not entry.is_file():
        listing.left_out["pipes or devices"].append(entry.name)
    elif suffix in SUFFIXES:
        listing.files.append(Path(entry.path))
    else:
        listing.left_out["of another kind"].append(suffix or entry.name)
    return False


def in_order(names: set[str]) -> list[str]:
    """Names of classes in order: as numbers where all are numbers, else as text."""
    numbers = all(name.isdecimal() for name in names)
    return sorted(names, key=lambda name: (int(name), name) if numbers else (0, name))


def _first_names(names: list[str] | dict[str, None]) -> str:
    first = list(names)[:MAX_NAMES]
    return ", ".join(first) + (", ..." if len(names) > MAX_NAMES else "")
