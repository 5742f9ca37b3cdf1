"""Files that several processes may want at once: locks, checksums, unpacking."""

from __future__ import annotations

import errno
import hashlib
import lzma
import os
import shutil
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gan_experiments.errors import UserError

# What reading a damaged archive raises; RuntimeError: a packing or a password that nobody knows; ValueError: a name.
BROKEN = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
)


def user_folder() -> Path:
    """This user's own folder for what can be made again."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gan-experiments"


def reason(error: OSError) -> str:
    """Why the system refused, without the number."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk, or your share of it, is full"
    return error.strerror or str(error)


@contextmanager
def exclusively(target: Path) -> Iterator[None]:
    """Let one process of this user at a time make `target`, whose folder is made if need be; who waits says so.

    Where the system has no locks this is no more than the folder: what is made must then be renamed into place.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Not beside the target: network file systems may have no locks, and data folders stay tidy.
    name = hashlib.sha256(os.fsencode(target.resolve())).hexdigest()[:16]
    lock = user_folder() / "locks" / f"{name}.lock"
    handle = None
    with suppress(ImportError, OSError):
        handle = _locked(lock, target)
    try:
        yield
    finally:
        if handle is not None:
            with suppress(OSError):
                lock.unlink()
            os.close(handle)


def _locked(lock: Path, target: Path) -> int:
    """A descriptor that holds the lock; raises OSError where there are no locks, ImportError on Windows."""
    import fcntl

    lock.parent.mkdir(parents=True, exist_ok=True)
    announced = False
    while True:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not announced:
                    print(f"Waiting for another process that is making {target}", file=sys.stderr)
                announced = True
                fcntl.flock(handle, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(lock)):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)  # the one who held it took the file away: begin with a new one


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
    return folder.is_dir() and os.access(folder, os.W_OK)


def unsound(archive: Path, name: str) -> str:
    """Why a file cannot be what `name` says (.zip, .tar.gz, ...), or an empty string; every byte is read."""
    with open(archive, "rb") as handle:
        start = handle.read(512).lstrip().lower()
        if start.startswith((b"<!doctype html", b"<html")):
            return "it is a web page"
    try:
        if start.startswith(b"pk") or name.endswith((".zip", ".npz")):
            with zipfile.ZipFile(archive) as opened:
                bad = opened.testzip()
            return f"{bad} in it is damaged" if bad else ""
        if name.endswith(".tar.gz"):
            with tarfile.open(archive, "r:gz") as tape:
                count = sum(1 for _ in tape)
                while tape.fileobj is not None and tape.fileobj.read(1 << 20):  # to gzip's checksum
                    pass
            return "" if count else "it is empty"
    except BROKEN as error:
        return f"it is no whole archive ({error})"
    return ""


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
        except BROKEN as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
                raise UserError(f"{archive} cannot be unpacked into {target}: {reason(error)}") from error
            raise UserError(
                f"{archive} cannot be unpacked into {target}: {error}\n"
                f"If the archive is damaged, delete it and fetch it again."
            ) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
