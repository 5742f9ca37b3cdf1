from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading

import pytest

from gan_experiments import parallel
from gan_experiments.training.signals import STOPS, SignalReceived, catch_signals


@pytest.mark.parametrize("number", STOPS)
def test_signals_are_collected(number: signal.Signals) -> None:
    before = signal.signal(number, signal.default_int_handler)  # nohup pytest ignores one
    try:
        with catch_signals() as caught:
            os.kill(os.getpid(), number)
        assert caught == [number]
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_a_second_interrupt_does_not_wait() -> None:
    with catch_signals() as caught:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert caught == [signal.SIGINT]


def test_what_a_signal_says_waits_for_a_bar_that_is_being_drawn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    drawing, lines = threading.RLock(), []

    class Console(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            with drawing:
                lines.append(record.getMessage())

    monkeypatch.setattr(logging.getLogger(), "handlers", [Console()])
    with catch_signals(), drawing:
        os.kill(os.getpid(), signal.SIGINT)
        assert lines == []
    assert lines == ["SIGINT: saving and stopping"]


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with catch_signals() as caught:
            os.kill(os.getpid(), signal.SIGHUP)
        assert caught == []
    finally:
        signal.signal(signal.SIGHUP, before)


def test_inside_an_evaluation_a_signal_raises_at_once_whoever_would_catch_it() -> None:
    with catch_signals() as caught:
        with pytest.raises(SignalReceived), caught.raising(), contextlib.suppress(Exception):
            os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)  # while what is due is saved
        with pytest.raises(SignalReceived), caught.raising():
            raise AssertionError("one came before")
    assert caught == [signal.SIGTERM] * 2


def test_other_ranks_than_the_first_go_on_until_all_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "rank", lambda: 1)
    with catch_signals() as caught, caught.raising():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught == [signal.SIGTERM]
