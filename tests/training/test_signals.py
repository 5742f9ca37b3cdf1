from __future__ import annotations

import os
import signal

import pytest

from gan_experiments.training.signals import catch_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_are_collected(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with catch_signals() as caught:
        os.kill(os.getpid(), number)
    assert caught == [number]
    assert signal.getsignal(number) is before


def test_a_second_interrupt_does_not_wait() -> None:
    with catch_signals() as caught:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert caught == [signal.SIGINT]


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_signals() as caught:
            os.kill(os.getpid(), signal.SIGHUP)
        assert caught == []
    finally:
        signal.signal(signal.SIGHUP, before)
