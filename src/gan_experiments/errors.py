"""What a user did wrong, said in one sentence."""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable
from pathlib import Path

from hydra.errors import CompactHydraException


class UserError(CompactHydraException):
    """A mistake the user can mend: printed as one short message, exit code 2, no traceback.

    It derives from Hydra's compact exception so that it passes through composition unchanged.
    """


def did_you_mean(word: str, options: Iterable[str]) -> str:
    """`"\\n  Did you mean 'san'?"` for the option nearest to `word`, or an empty string."""
    near = difflib.get_close_matches(word, list(options), n=1, cutoff=0.6)
    return f"\n  Did you mean '{near[0]}'?" if near else ""


class RunError(Exception):
    """A run that cannot go on through no mistake of configuration (a non-finite loss, a full disk).

    Printed as one short message, exit code 1; the traceback goes to the run's log.
    """


class Interrupted(Exception):  # noqa: N818  (being told to stop is no error)
    """The run was told to stop (SIGINT, SIGTERM) and has saved itself."""

    def __init__(self, signal_number: int, checkpoint: Path) -> None:
        super().__init__(signal_number, checkpoint)
        self.signal_number = signal_number
        self.checkpoint = checkpoint

    def __str__(self) -> str:
        goes_on = f"resume={self.checkpoint} goes on" if self.checkpoint.exists() else "nothing was saved yet"
        return f"stopped by {signal.Signals(self.signal_number).name}; {goes_on}"
