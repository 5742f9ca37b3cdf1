"""Arrays kept on disk under everything they depend on: found again when all of it is the same, and else not."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_experiments.data import cache, files

VERSION = 1  # of the computation: a change of any figure's real side makes it one more

Arrays = dict[str, NDArray[Any]]


class Store:
    """Arrays by content: in memory for the run, and in `folder`, unless that is None, for the runs to come.

    One entry is a folder with the arrays (.npy, never pickled) and key.json, which says what they are of.
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
        found = text in self._seen or (self.folder and _read(_entry(self.folder, text), text) is not None)
        return bool(found)

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
    except OSError:
        return make() if arrays is None else arrays
    return arrays


def _read(entry: Path, text: str) -> Arrays | None:
    try:
        if (entry / "key.json").read_text() != text:
            return None
        return {file.stem: np.load(file, mmap_mode="c", allow_pickle=False) for file in entry.glob("*.npy")}
    except (OSError, ValueError, EOFError):
        return None


def _write(entry: Path, text: str, arrays: Arrays) -> None:
    partial = entry.with_name(f"{entry.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(partial / f"{name}.npy", array, allow_pickle=False)
        (partial / "key.json").write_text(text)
        shutil.rmtree(entry, ignore_errors=True)
        partial.rename(entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
