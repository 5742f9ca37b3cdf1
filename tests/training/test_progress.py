"""What is shown of a run while it trains."""

from __future__ import annotations

import fcntl
import logging
import os
import pty
import re
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gan_experiments.training import progress
from gan_experiments.training.progress import Progress, clock

LOSSES = {"discriminator": 1.2114, "generator": -0.295}


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which stands still but for the test."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (125.4, "2:05"), (3723, "1:02:03")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_without_a_terminal_lines_have_losses_speed_and_time_left(
    seconds: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    shown = Progress(0)
    seconds[0] = 10.0
    with shown.pause("evaluating"):
        seconds[0] += 60.0  # does not count
    assert shown.interval(50, 150, LOSSES, 64) == 320.0
    assert shown.interval(50, None, LOSSES, 64) == 0.0
    shown.close()
    assert caplog.messages == [
        "step 50/150  discriminator 1.211  generator -0.295  320 images/s  0:20 left",
        "step 50/?  discriminator 1.211  generator -0.295  0 images/s  ? left",
    ]


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """A terminal of 80 columns, and what has been drawn on it."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with os.fdopen(theirs, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)

        def drawn_so_far() -> str:
            """All of it: the kernel hands a terminal's text on later than it takes it, in pieces."""
            print("\0", end="", file=stderr, flush=True)
            text = b""
            while not text.endswith(b"\0"):
                text += os.read(ours, 100_000)
            return text[:-1].decode()

        yield drawn_so_far
    os.close(ours)


def test_at_a_terminal_a_bar_and_the_lines_in_the_file(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float], tmp_path: Path
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0)
    console, file = logging.StreamHandler(), logging.FileHandler(tmp_path / "train.log")
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [console, file])
    with terminal(monkeypatch) as drawn_so_far:
        shown = Progress(0)
        seconds[0] = 10.0
        shown.step(25, 150)
        shown.interval(50, 150, LOSSES, 64)
        shown.step(75, 150)
        with shown.pause("evaluating"):
            pass
        drawn = re.split(r"\x1b\[A|[\r\n]+", drawn_so_far())
        shown.close()
    assert root.handlers == [console, file]
    assert "discriminator 1.211  generator -0.295  evaluating" in [line.rstrip() for line in drawn]
    bar = [line for line in drawn if "%" in line][-1]
    assert re.fullmatch(r" 50% \N{FULL BLOCK}+\S? +75/150  320 images/s  0:15 left", bar)
    assert 70 < len(bar) <= 80
    assert max(map(len, drawn)) <= 80
    assert (tmp_path / "train.log").read_text().startswith("step 50/150  discriminator 1.211")
