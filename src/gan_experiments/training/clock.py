"""What a run costs: seconds in all, and those of training alone, on the clock and of the processor."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager


class Clock:
    """Counts from `begin` on; `load_state_dict` adds what earlier attempts at the run took.

    Where a checkpoint has only the seconds in all, as earlier ones, they stand for the others too.
    """

    def __init__(self) -> None:
        self._before = dict.fromkeys(("seconds", "training_seconds", "cpu_seconds"), 0.0)
        self.begin()

    def begin(self) -> None:
        """Everything is there that training needs."""
        self._began = _now()
        self._paused = (0.0, 0.0)
        self._pausing: tuple[float, float] | None = None  # since when

    @contextmanager
    def pause(self) -> Iterator[None]:
        """What happens inside is not training: pictures, figures, checkpoints."""
        self._pausing = _now()
        try:
            yield
        finally:
            self._paused, self._pausing = self._out(), None

    def _out(self) -> tuple[float, float]:
        """Seconds that were not training."""
        wall, cpu = (0.0, 0.0) if self._pausing is None else _since(self._pausing)
        return self._paused[0] + wall, self._paused[1] + cpu

    def state_dict(self) -> dict[str, float]:
        """`seconds` in all; of training alone `training_seconds` on the clock and `cpu_seconds` of all threads of
        this process (of the first rank's, where there are several)."""
        wall, cpu = _since(self._began)
        out = self._out()
        now = {"seconds": wall, "training_seconds": wall - out[0], "cpu_seconds": cpu - out[1]}
        return {name: round(self._before[name] + value, 2) for name, value in now.items()}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        self._before = {name: float(state.get(name, state["seconds"])) for name in self._before}


def _now() -> tuple[float, float]:
    return time.monotonic(), time.process_time()


def _since(before: tuple[float, float]) -> tuple[float, float]:
    wall, cpu = _now()
    return wall - before[0], cpu - before[1]
