"""Arrays kept on disk under everything they depend on: found again when all of it is the same, and else not."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_experiments import reading
from gan_experiments.data import cache, files
from gan_experiments.errors import refusal

log = logging.getLogger(__name__)

KEY, SUMS = "key.json", "sums.json"
BLOCK = 1 << 20
VERSION = 1  # of the computation: a change of any figure's real side makes it one more

Arrays = dict[str, NDArray[Any]]


class Store:
    """Arrays by content: in memory for the run, and in `folder`, unless that is None, for the runs to come.

    One entry is a folder with the arrays (.npy, never pickled), key.json, which says what they are of, and sums.json
    with the CRC of every file: a bit that has flipped on the disk makes the entry one that cannot be read.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._seen: dict[str, Arrays] = {}

    @classmethod
    def beside(cls, paths_data: Path | None) -> Store:
        """The store of the data under `paths_data`."""
        return cls(cache.folder(paths_data) / "metrics" if paths_data is not None else None)

    def __contains__(self, key: Mapping[str, object]) -> bool:
        text = _text(key)
        if text not in self._seen and self.folder is not None:
            arrays = _read(_entry(self.folder, text), text)
            if arrays is not None:
                self._seen[text] = arrays
        return text in self._seen

    def get(self, key: Mapping[str, object], make: Callable[[], Arrays]) -> Arrays:
        """The arrays of `key`, mapped from disk, or made and kept; not to be written to.

        An entry that cannot be read is made again; a folder that cannot be written to is done without.
        """
        text = _text(key)
        if text not in self._seen:
            self._seen[text] = make() if self.folder is None else _kept(self.folder, text, make)
        return self._seen[text]


def _text(key: Mapping[str, object]) -> str:
    return json.dumps({"version": VERSION, **key}, sort_keys=True, indent=1)


def _entry(folder: Path, text: str) -> Path:
    return folder / hashlib.sha256(text.encode()).hexdigest()[:32]


def _kept(folder: Path, text: str, make: Callable[[], Arrays]) -> Arrays:
    entry = _entry(folder, text)
    arrays = _read(entry, text)
    if arrays is not None:
        return arrays
    try:
        with files.exclusively(entry):
            arrays = _read(entry, text)
            if arrays is None:  # else another process was faster
                arrays = make()
                _write(entry, text, arrays)
    except OSError as error:
        if arrays is None:
            return make()
        log.warning("statistics of the real images are not kept in %s: %s", folder, refusal(error))
    return arrays


def _read(entry: Path, text: str) -> Arrays | None:
    try:
        if (entry / KEY).read_text(encoding="utf-8") != text:
            return None
        sums = json.loads((entry / SUMS).read_text(encoding="utf-8"))
        if sums != {file.name: _sum(file) for file in entry.glob("*.npy")}:
            return None
        return {Path(name).stem: np.load(entry / name, mmap_mode="c", allow_pickle=False) for name in sums}
    except (OSError, ValueError, EOFError):
        return None


def _write(entry: Path, text: str, arrays: Arrays) -> None:
    for left in entry.parent.glob(f"{entry.name}.*.part"):  # of writers that were killed
        shutil.rmtree(left, ignore_errors=True)
    partial = entry.with_name(f"{entry.name}.{os.getpid()}.part")
    try:
        partial.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array, allow_pickle=False)
        sums = {file.name: _sum(file) for file in partial.glob("*.npy")}
        (partial / SUMS).write_text(json.dumps(sums), encoding="utf-8")
        (partial / KEY).write_text(text, encoding="utf-8")
        shutil.rmtree(entry, ignore_errors=True)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sum(file: Path) -> int:
    """The CRC-32 of a file; with its header it covers the array's type and shape."""
    total = 0
    with reading.regular(file) as opened:
        while block := opened.read(BLOCK):
            total = zlib.crc32(block, total)
    return total
