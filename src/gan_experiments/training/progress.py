"""How far a run is: a bar at a terminal, elsewhere a line now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from gan_experiments.terminal import draws_bars, log_to_file

log = logging.getLogger(__name__)

BAR = "{percentage:3.0f}% {bar} {n_fmt}/{total_fmt}{desc}"
EVERY = 0.2  # seconds between two drawings


class Progress:
    """Two lines below everything that is logged, losses above a bar; or lines of the log, which has them either way.

    start: the step that the run begins or resumes at.
    """

    def __init__(self, start: int) -> None:
        hidden = not draws_bars()
        self._losses = tqdm(bar_format="{desc}", leave=False, dynamic_ncols=True, disable=hidden)
        self._bar = tqdm(
            initial=start, bar_format=BAR, leave=False, dynamic_ncols=True, disable=hidden, mininterval=EVERY
        )
        self._redirected = ExitStack()
        if not hidden:
            self._redirected.enter_context(logging_redirect_tqdm())
        self._last = (start, time.monotonic())
        self._rate, self._images = 0.0, 0  # of the last interval: steps a second, images a batch
        self._text = ""

    def step(self, step: int, total: int | None) -> None:
        """An update has been made; total: the run's last step, where it is known."""
        if not self._bar.disable:
            self._bar.total = total
            self._bar.set_description_str("  " + self._speed(step, total), refresh=False)
            self._bar.update(step - self._bar.n)

    def interval(self, step: int, total: int | None, losses: Mapping[str, float], images: int) -> float:
        """The mean losses since the last call; returns real images per second, of which a batch has `images`."""
        self._rate, self._images = self._rate_since(step), images
        self._last = (step, time.monotonic())
        self._text = "  ".join(f"{name} {value:.3f}" for name, value in losses.items())
        self._losses.set_description_str(self._text)
        line = f"step {step}/{total or '?'}  {self._text}  {self._speed(step, total)}"
        if self._bar.disable:
            log.info(line)
        else:
            log_to_file(log, logging.INFO, line)
        return self._rate * images

    def _rate_since(self, step: int) -> float:
        """Steps per second since the last interval."""
        return (step - self._last[0]) / max(time.monotonic() - self._last[1], 1e-9)

    def _speed(self, step: int, total: int | None) -> str:
        """`642 images/s  2:24 left`, by the last interval; in the first one by the steps so far."""
        rate = self._rate or self._rate_since(step)
        speed = f"{rate * self._images:.0f} images/s" if self._images else f"{rate:.1f} steps/s"
        return f"{speed}  {clock((total - step) / rate) if total and rate else '?'} left"

    @contextmanager
    def pause(self, doing: str = "") -> Iterator[None]:
        """Leave what happens inside (samples, evaluations, checkpoints) out of the images per second."""
        before = time.monotonic()
        if doing:
            self._losses.set_description_str(f"{self._text}  {doing}".strip())
        try:
            yield
        finally:
            step, last = self._last
            self._last = (step, last + time.monotonic() - before)
            if doing:
                self._losses.set_description_str(self._text)

    def close(self) -> None:
        self._bar.close()
        self._losses.close()
        self._redirected.close()


def clock(seconds: float) -> str:
    """`1:02:03` or `2:03`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
