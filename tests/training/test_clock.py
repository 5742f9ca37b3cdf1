"""training/clock.py: seconds in all, and of training alone."""

from __future__ import annotations

from contextlib import suppress

import pytest

from gan_experiments.training import clock
from gan_experiments.training.clock import Clock


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds on the clock and of the processor, to be moved."""
    moment = [100.0, 7.0]
    monkeypatch.setattr(clock, "_now", lambda: tuple(moment))
    return moment


def test_what_is_paused_is_not_training(now: list[float]) -> None:
    watch = Clock()
    now[:] = [110.0, 11.0]
    with watch.pause():
        now[:] = [112.5, 12.0]
        assert watch.state_dict() == {"seconds": 12.5, "training_seconds": 10.0, "cpu_seconds": 4.0}
    now[:] = [113.0, 12.25]
    assert watch.state_dict() == {"seconds": 13.0, "training_seconds": 10.5, "cpu_seconds": 4.25}
    with suppress(KeyboardInterrupt), watch.pause():
        now[:] = [120.0, 13.0]
        raise KeyboardInterrupt
    assert watch.state_dict() == {"seconds": 20.0, "training_seconds": 10.5, "cpu_seconds": 4.25}


def test_what_was_before_training_does_not_count(now: list[float]) -> None:
    watch = Clock()
    with watch.pause():
        now[:] = [160.0, 30.0]
    watch.begin()
    now[:] = [161.0, 31.0]
    assert set(watch.state_dict().values()) == {1.0}


def test_attempts_add_up(now: list[float]) -> None:
    first = Clock()
    now[:] = [104.0, 9.0]
    second = Clock()
    second.load_state_dict(first.state_dict())
    now[:] = [105.0, 9.5]
    assert second.state_dict() == {"seconds": 5.0, "training_seconds": 5.0, "cpu_seconds": 2.5}


def test_an_earlier_checkpoint_knows_the_seconds_in_all(now: list[float]) -> None:
    watch = Clock()
    watch.load_state_dict({"seconds": 3.0, "step": 7.0})
    assert set(watch.state_dict().values()) == {3.0}


def test_a_busy_process_has_both() -> None:
    watch = Clock()
    while watch.state_dict()["cpu_seconds"] < 0.05:
        pass
    assert watch.state_dict()["seconds"] > 0.03
