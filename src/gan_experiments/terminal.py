"""Who reads what a run says: a person at a terminal, a file or a pipe, or somebody who watches several jobs at once."""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import MemoryHandler

JOB = "GAN_JOB"  # in the environment of all processes of a job that runs beside others: its name


def draws_bars() -> bool:
    """Whether bars have a terminal for themselves."""
    return sys.stderr.isatty() and JOB not in os.environ


def line_format() -> str:
    """Of messages on the console: after the job's name where jobs run side by side."""
    name = os.environ.get(JOB, "").replace("%", "%%")
    return f"{name}: %(message)s" if name else "%(message)s"


def log_to_file(logger: logging.Logger, level: int, text: str, error: BaseException | None = None) -> None:
    """A message, with an error's traceback, for the run's log file alone."""
    about = None if error is None else (type(error), error, error.__traceback__)
    record = logger.makeRecord(logger.name, level, "", 0, text, (), about)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, (logging.FileHandler, MemoryHandler)):
            handler.handle(record)
