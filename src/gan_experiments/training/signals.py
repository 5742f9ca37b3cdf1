"""Being told to stop."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from gan_experiments import parallel

log = logging.getLogger(__name__)


@contextmanager
def catch_signals() -> Iterator[list[int]]:
    """Collect SIGINT, SIGTERM and SIGHUP (a closed terminal, unless nohup has it ignored) instead of dying.

    A second SIGINT interrupts at once, except one of several ranks: those get it from the terminal and again from
    their launcher.
    """
    caught: list[int] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if caught and number == signal.SIGINT and parallel.world_size() == 1:
            raise KeyboardInterrupt
        if not caught and parallel.rank() == 0:
            log.info("%s: saving and stopping", signal.Signals(number).name)
        caught.append(number)

    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    try:
        before = {number: signal.signal(number, handler) for number in numbers}
    except ValueError:  # not in the main thread, where signals cannot be caught: a launcher does it
        yield caught
        return
    try:
        yield caught
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
