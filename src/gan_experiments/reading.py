"""Files that somebody else may have made, opened without hanging, without following links out, within limits."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def regular(path: Path) -> BinaryIO:
    """Open a regular file to read; raises OSError for anything else, at once (a FIFO without a writer would wait)."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def inside(root: Path, path: Path) -> BinaryIO:
    """`regular`, where the file lies in `root` once all links are followed; else OSError."""
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(root)):
        raise PermissionError(errno.EPERM, f"it leads out of {root}", str(path))
    return regular(real)


def content(root: Path, path: Path, limit: int) -> bytes:
    """The bytes of a file inside `root`; raises OSError, also where there are more than `limit`."""
    with inside(root, path) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes", str(path))
    return data
