"""Decoded pixels on disk, mapped into memory: no picture is decoded twice."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_experiments.data import files
from gan_experiments.data.transforms import Pixels
from gan_experiments.errors import UserError

SAMPLED = 4096  # bytes at either end of a source that go into the key
ABANDONED = 3600  # seconds after which an unfinished file is nobody's


def folder(root: Path) -> Path:
    """Where the caches of the data under `root` lie: beside it if that can be written to, else with the user."""
    beside = root / ".cache"
    return beside if files.writable(beside) else files.user_folder()


def cached(
    name: str,
    root: Path,
    sources: Sequence[Path],
    transform: Mapping[str, object],
    decode: Callable[[], tuple[tuple[int, ...], Iterable[Pixels]]],
) -> Pixels:
    """The uint8 array mapped from the cache file, which is made once from `decode`: a shape, and rows in pieces.

    The file's name holds `name` and a key made of the sources (names, sizes, times, both ends of their contents,
    the folder that holds them) and of the transform. A file that is not what was written is made again. The map is
    copy-on-write: writing to it never reaches the file.
    """
    file_name = f"{name}-{_key(sources, transform)}.npy"
    beside, file = root / ".cache" / file_name, folder(root) / file_name
    for place in dict.fromkeys((beside, file)):  # the first perhaps made by somebody who may write there
        if (pixels := _sound(place)) is not None:
            return pixels
    try:
        with files.exclusively(file):
            pixels = _sound(file)  # another process may have been faster
            if pixels is None:
                _write(file, *decode())
    except OSError as error:
        raise UserError(f"the decoded images cannot be kept in {file}: {files.reason(error)}") from error
    return np.load(file, mmap_mode="c") if pixels is None else pixels


def _key(sources: Sequence[Path], transform: Mapping[str, object]) -> str:
    common = os.path.commonpath([source.parent for source in sources])

    def stamp(source: Path) -> tuple[object, ...]:
        with open(source, "rb") as handle:
            stat = os.fstat(handle.fileno())
            ends = handle.read(SAMPLED)
            handle.seek(max(stat.st_size - SAMPLED, 0))
            ends += handle.read(SAMPLED)
        # The time of the last change of any kind tells of contents replaced under their old time.
        times = stat.st_mtime_ns, stat.st_ctime_ns
        content = hashlib.sha256(ends).hexdigest()
        return str(source)[len(common) :], stat.st_size, *times, content  # moving the whole changes nothing

    try:
        with ThreadPoolExecutor(16) as pool:
            stamps = list(pool.map(stamp, sources))
        identity = os.stat(common or ".").st_ino
    except OSError as error:
        raise UserError(f"{error.filename} cannot be read: {files.reason(error)}") from error
    return hashlib.sha256(json.dumps([identity, stamps, transform]).encode()).hexdigest()[:16]


def note(file: Path) -> Path:
    """Where the sha256 of an array in a file is kept, with what the file looked like when it was taken."""
    return file.with_suffix(".sha256")


def digest(array: NDArray[Any]) -> str:
    """sha256 of type, shape and values."""
    sha = _begun(array.dtype, array.shape)
    for start in range(0, len(array), 4096):
        sha.update(np.ascontiguousarray(array[start : start + 4096]).data)
    return sha.hexdigest()


def _begun(dtype: np.dtype[Any], shape: tuple[int, ...]) -> hashlib._Hash:
    return hashlib.sha256(f"{dtype.str}{shape}".encode())


def _sound(file: Path) -> Pixels | None:
    """What is in a cache file, mapped, or None where there is none or it is not what was written.

    The sum is taken again when the file looks other than at the last time (size, times, place on the disk).
    """
    if not os.path.isfile(file):
        return None
    try:
        pixels = np.lib.format.open_memmap(file, mode="c")
        whole = pixels.dtype == np.uint8 and pixels.offset + pixels.nbytes == file.stat().st_size
        noted, _, stamp = note(file).read_text().strip().partition(" ")
        if whole and stamp == _stamp(file):
            return pixels
        if whole and noted == digest(pixels):
            write_note(file, noted)
            return pixels
    except (OSError, ValueError):
        pass
    print(f"{file} is not as it was written; its images are decoded again", file=sys.stderr)
    return None


def _stamp(file: Path) -> str:
    stat = file.stat()
    return f"{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns} {stat.st_ino}"


def write_note(file: Path, digest: str) -> None:
    """Keep the digest of the array in `file` beside it, if that can be written to."""
    partial = note(file).with_suffix(f".{os.getpid()}.part")
    with suppress(OSError):  # a cache that somebody else made cannot be written to
        partial.write_text(f"{digest} {_stamp(file)}\n")
        partial.replace(note(file))


def _write(file: Path, shape: tuple[int, ...], pieces: Iterable[Pixels]) -> None:
    # Written in order and not through a map: a full disk is then an error and not a bus error.
    for left in file.parent.glob("*.part"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > ABANDONED:
                left.unlink()  # its writer was killed
    partial = file.with_suffix(f".{os.getpid()}.part")
    sha = _begun(np.dtype(np.uint8), shape)
    try:
        with open(partial, "wb") as out:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(out, header)
            for piece in pieces:
                content = np.ascontiguousarray(piece, np.uint8).data
                out.write(content)
                sha.update(content)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
        write_note(file, sha.hexdigest())
    finally:
        partial.unlink(missing_ok=True)


def chunks(array: Pixels, transform: Callable[[Pixels], Pixels], size: int = 1024) -> Iterator[Pixels]:
    """`transform` applied to `size` rows at a time, with a bar."""
    from tqdm import trange

    for start in trange(0, len(array), size, desc="decode", unit_scale=size, leave=False, disable=None):
        yield transform(array[start : start + size])
