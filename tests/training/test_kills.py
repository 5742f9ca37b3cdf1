"""Kills at every operation on files and at random moments (kills.py says what is compared)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("kills.py")


def tried(folder: Path, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), *arguments], capture_output=True, text=True, check=False
    )
    assert done.stdout, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_sample_of_kills(tmp_path: Path) -> None:
    assert tried(tmp_path, "--sample", "3")["wrong"] == {}


@pytest.mark.faults
def test_every_kill(tmp_path: Path) -> None:
    found = tried(tmp_path)
    assert found["wrong"] == {}
    print(found)
