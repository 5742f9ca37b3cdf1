"""Being told to stop."""

from __future__ import annotations

import logging
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import torch
import torch.distributed as dist

from gan_experiments import parallel

log = logging.getLogger(__name__)

# Steps after which ranks ask each other whether to stop: on other devices than a CPU this waits for the device.
ASK_EVERY = {"cpu": 1}


class SignalReceived(BaseException):
    """A signal came in the middle of an evaluation."""


class Signals(list[int]):
    """The signals that have come, the first one first."""

    raises = False

    @contextmanager
    def raising(self) -> Iterator[None]:
        """Inside, a signal raises SignalReceived at once, and one that has come before does.

        On the first rank alone, which has all that a checkpoint needs.
        """
        if parallel.rank():
            yield
            return
        self.raises = True
        try:
            if self:
                raise SignalReceived
            yield
        finally:
            self.raises = False


@contextmanager
def catch_signals() -> Iterator[Signals]:
    """Collect SIGINT, SIGTERM and SIGHUP (a closed terminal, unless nohup has it ignored) instead of dying.

    A second SIGINT interrupts at once, except one of several ranks: those get it from the terminal and again from
    their launcher.
    """
    caught = Signals()

    def handler(number: int, frame: FrameType | None) -> None:
        if caught and number == signal.SIGINT and parallel.world_size() == 1:
            raise KeyboardInterrupt
        if not caught and parallel.rank() == 0:
            log.info("%s: saving and stopping", signal.Signals(number).name)
        caught.append(number)
        if caught.raises:
            raise SignalReceived

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


def agreed(caught: Sequence[int], step: int, device: torch.device) -> int:
    """The signal that any rank has caught, 0 for none: the same on all ranks, which agree on the step so."""
    mine = caught[0] if caught else 0
    if not parallel.initialized():
        return mine
    if step % ASK_EVERY.get(device.type, 10):
        return 0
    number = torch.tensor(mine, device=device)
    dist.all_reduce(number, op=dist.ReduceOp.MAX)
    return int(number)
