"""Files that several processes may want at once: locks, checksums, unpacking."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan_experiments.errors import UserError


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """Let one process of this user on this machine at a time make `target`, whose folder is made if need be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    # Not beside the target: network file systems may have no locks, and data folders stay tidy.
    name = hashlib.sha256(f"{os.getuid()} {target.resolve()}".encode()).hexdigest()[:16]
    with open(Path(tempfile.gettempdir()) / f"gan-experiments-{name}.lock", "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def digest(file: Path, algorithm: str) -> str:
    """The hexadecimal checksum ("md5", "sha256") of a file."""
    with open(file, "rb") as handle:
        total = hashlib.new(algorithm, usedforsecurity=False)
        while block := handle.read(1 << 20):
            total.update(block)
    return total.hexdigest()


def writable(folder: Path) -> bool:
    """Whether files can be made in `folder`, which may not exist yet."""
    folder = folder.absolute()
    while not folder.exists():
        folder = folder.parent
    return os.access(folder, os.W_OK)


def unpack(archive: Path, folder: str, into: Path) -> None:
    """Unpack a .zip or .tar.gz whose members lie in `folder`; `into`/`folder` is then complete or not there."""
    target, partial = into / folder, into / f".{folder}.part"
    with exclusively(target):
        if target.is_dir():  # another process was faster
            return
        shutil.rmtree(partial, ignore_errors=True)
        print(f"Unpacking {archive} into {target}")
        try:
            if zipfile.is_zipfile(archive):
                with zipfile.ZipFile(archive) as opened:
                    opened.extractall(partial)
            else:
                with tarfile.open(archive) as tape:
                    tape.extractall(partial, filter="data")
            os.replace(partial / folder, target)
        except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(
                f"{archive} cannot be unpacked into {target}: {error}\n"
                f"If the archive is damaged, delete it and fetch it again."
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
