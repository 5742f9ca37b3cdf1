"""Decoded pixels on disk, mapped into memory: no picture is decoded twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from gan_experiments.data import files
from gan_experiments.data.transforms import Pixels
from gan_experiments.errors import UserError


def folder(root: Path) -> Path:
    """Where the caches of the data under `root` lie: beside it if that can be written to, else with the user."""
    beside = root / ".cache"
    if files.writable(beside):
        return beside
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gan-experiments"


def cached(
    name: str,
    root: Path,
    sources: Sequence[Path],
    transform: Mapping[str, object],
    decode: Callable[[], tuple[tuple[int, ...], Iterable[Pixels]]],
) -> Pixels:
    """The uint8 array mapped from the cache file, which is made once from `decode`: a shape, and rows in pieces.

    The file's name holds `name` and a key made of the sources' names, sizes and times and of the transform.
    The map is copy-on-write: writing to it never reaches the file.
    """
    file_name = f"{name}-{_key(sources, transform)}.npy"
    file = root / ".cache" / file_name  # perhaps made by somebody who may write there
    if not file.is_file():
        file = folder(root) / file_name
    try:
        if not file.is_file():
            with files.exclusively(file):
                if not file.is_file():  # else another process was faster
                    _write(file, *decode())
    except OSError as error:
        raise UserError(f"the decoded images cannot be kept in {file}: {error}") from error
    pixels: Pixels = np.load(file, mmap_mode="c")
    return pixels


def _key(sources: Sequence[Path], transform: Mapping[str, object]) -> str:
    base = len(os.path.commonpath([source.parent for source in sources]))  # moving the whole changes nothing
    stats = [(str(source)[base:], source.stat()) for source in sources]
    stamps = [(source, stat.st_size, stat.st_mtime_ns) for source, stat in stats]
    return hashlib.sha256(json.dumps([stamps, transform]).encode()).hexdigest()[:16]


def _write(file: Path, shape: tuple[int, ...], pieces: Iterable[Pixels]) -> None:
    # Written in order and not through a map: a full disk is then an error and not a bus error.
    partial = file.with_suffix(f".{os.getpid()}.part")
    try:
        with open(partial, "wb") as out:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            out.writelines(np.ascontiguousarray(piece, np.uint8).data for piece in pieces)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def chunks(array: Pixels, transform: Callable[[Pixels], Pixels], size: int = 1024) -> Iterator[Pixels]:
    """`transform` applied to `size` rows at a time, with a bar."""
    from tqdm import trange

    for start in trange(0, len(array), size, desc="decode", unit_scale=size, leave=False, disable=None):
        yield transform(array[start : start + size])
