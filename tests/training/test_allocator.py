"""Large blocks stay with the process, unless the user says otherwise."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from gan_experiments.training import allocator

CHURN = """
import resource, runpy, sys
print(runpy.run_path(sys.argv[1])["keep_memory"]())
def churn():
    for _ in range(20):
        bytearray(b"x") * 16_000_000
churn()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
churn()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
BLOCK = 16_000_000 // os.sysconf("SC_PAGE_SIZE")  # pages of one of the 20


def faults(**environment: str) -> tuple[str, int]:
    rest = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", CHURN, allocator.__file__]  # alone: without torch it starts at once
    done = subprocess.run(command, env=rest | environment, capture_output=True, text=True, check=True)
    kept, count = done.stdout.split()
    return kept, int(count)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"), reason="glibc's own settings")
@pytest.mark.skipif("LD_PRELOAD" in os.environ, reason="LD_PRELOAD chooses the allocator")
def test_pages_are_not_faulted_in_again() -> None:
    kept, count = faults()
    assert kept == "True"
    assert count < BLOCK  # of 20 blocks
    kept, count = faults(MALLOC_MMAP_THRESHOLD_="1000000")
    assert kept == "False"
    assert count > 5 * BLOCK
