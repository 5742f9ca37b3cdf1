"""glibc's allocator, told to keep what a training step will ask for again."""

from __future__ import annotations

import ctypes
import os

SETTINGS = {-3: 2**30, -1: 2**31 - 1, -2: 2**28}  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD, in bytes
USERS = ("MALLOC_", "GLIBC_TUNABLES", "LD_PRELOAD")


def keep_memory() -> bool:
    """Keep large freed blocks, whose pages glibc otherwise returns and faults in again at every step.

    False where the C library is another one, or where the user's environment says how memory is allocated.
    """
    if any(name.startswith(USERS) for name in os.environ):
        return False
    try:
        library = ctypes.CDLL(None)
        mallopt = library.mallopt
        _ = library.gnu_get_libc_version
    except (OSError, TypeError, AttributeError):  # TypeError: Windows
        return False
    return all(mallopt(name, value) for name, value in SETTINGS.items())
