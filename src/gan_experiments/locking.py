"""One process at a time in a run's folder."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gan_experiments.errors import UserError

log = logging.getLogger(__name__)

NAME = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` until the block ends or the process dies, however it dies: flock, which needs no clean-up.

    Raises UserError where another process holds it. Where the file system cannot lock, says so and goes on. Nothing
    stays behind.
    """
    handle = _opened(folder)
    try:
        while not _lock(handle, folder):  # who held it took the file away: begin with a new one
            os.close(handle)
            handle = _opened(folder)
        try:
            yield
        finally:
            (folder / NAME).unlink(missing_ok=True)
    finally:
        os.close(handle)


def _opened(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / NAME, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise UserError(f"{folder} cannot be written to: {error.strerror}") from error


def refuse_if_locked(folder: Path) -> None:
    """Raise UserError where a process holds `folder`; nothing is made or changed."""
    if (folder / NAME).is_file():
        handle = _opened(folder)
        try:
            _lock(handle, folder)
        finally:
            os.close(handle)


def is_locked(folder: Path) -> bool:
    """Whether a process is known to hold `folder`: where the file system cannot lock, none is. Changes nothing."""
    try:
        import fcntl

        handle = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except (ImportError, OSError):
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def _lock(handle: int, folder: Path) -> bool:
    """Whether the lock is that of the file which is there now; raises UserError where another holds it."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(handle, 200).decode(errors="replace")
        raise UserError(
            f"{holder or 'another process'} is training in {folder}: wait until it ends, or stop it first"
        ) from error
    except (ImportError, OSError) as error:
        reason = getattr(error, "strerror", None) or "this system has no flock"
        log.warning("%s cannot be locked (%s): see to it that no other process trains there", folder, reason)
        return True
    with suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(handle), os.stat(folder / NAME)):
            with suppress(OSError):  # a full disk: the lock holds without a name
                os.ftruncate(handle, 0)
                os.write(handle, f"process {os.getpid()} on {socket.gethostname()}".encode())
            return True
    return False
