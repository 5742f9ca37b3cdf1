"""Being told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import torch
import torch.distributed as dist

from gan_experiments import parallel

log = logging.getLogger(__name__)

# What a run saves itself on: SIGUSR1 and SIGUSR2 are what a scheduler may be told to warn by.
STOPS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]

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
def handlers_given_back() -> Iterator[bool]:
    """What handles STOPS now does so again after the block; False in a thread that can handle none: a launcher does."""
    can_handle = threading.current_thread() is threading.main_thread()
    before = {number: signal.getsignal(number) for number in STOPS} if can_handle else {}
    try:
        yield can_handle
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def catch_signals() -> Iterator[Signals]:
    """Collect STOPS instead of dying; but for SIGINT and SIGTERM, what is ignored stays so (nohup, a closed terminal).

    A second SIGINT interrupts at once, except one of several ranks: those get it from the terminal and again from
    their launcher.
    """
    caught = Signals()
    messages: list[threading.Thread] = []

    def handler(number: int, frame: FrameType | None) -> None:
        if caught and number == signal.SIGINT and parallel.world_size() == 1:
            raise KeyboardInterrupt
        if not caught and parallel.rank() == 0:
            # Not from in here, where a bar may be half drawn: a thread waits until it is whole.
            message = "%s: saving and stopping", signal.Signals(number).name
            messages.append(threading.Thread(target=log.info, args=message))
            messages[-1].start()
        caught.append(number)
        if caught.raises:
            raise SignalReceived

    with handlers_given_back() as can_handle:
        for number in STOPS if can_handle else ():
            ignored = signal.getsignal(number) is signal.SIG_IGN
            if not ignored or number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, handler)
        try:
            yield caught
        finally:
            for thread in messages:
                thread.join()


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
