"""What a user did wrong, said in one sentence."""

from __future__ import annotations

import difflib
import errno
import re
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


REFUSALS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system can only be read",
    errno.EACCES: "permission is denied",
    errno.EISDIR: "it is a folder",
}


def refusal(error: BaseException) -> str:
    """Why the system refused: in words of the first OSError among an exception and its causes, else its own."""
    cause: BaseException | None = error
    while cause is not None and not (isinstance(cause, OSError) and cause.errno):
        cause = cause.__cause__ or cause.__context__
    if not isinstance(cause, OSError) or cause.errno is None:
        return str(error).partition("\n")[0] or type(error).__name__
    words = REFUSALS.get(cause.errno)
    return f"{words} ({cause.strerror})" if words else str(cause.strerror)


def too_large(error: BaseException) -> str | None:
    """What to say where memory ran out, for Python or torch; None for another exception."""
    wanted = re.search(r"allocate (\d+ bytes|[\d.]+ [KMGTPE]i?B)", str(error), re.IGNORECASE)
    is_torch = isinstance(error, RuntimeError) and "alloc" in str(error)
    if not (
        isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError" or (is_torch and wanted)
    ):
        return None
    return f"there is not enough memory{f' for {wanted[1]}' if wanted else ''}"


def one_sentence(error: BaseException) -> str | None:
    """What to say of a mistake, of what the system refuses and of too little memory; None for another exception."""
    if isinstance(error, (UserError, RunError)):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename}: {refusal(error)}" if error.filename else refusal(error)
    return too_large(error)


class Interrupted(Exception):  # noqa: N818  (being told to stop is no error)
    """The run was told to stop (SIGINT, SIGTERM) and has saved itself."""

    def __init__(self, signal_number: int, checkpoint: Path) -> None:
        super().__init__(signal_number, checkpoint)
        self.signal_number = signal_number
        self.checkpoint = checkpoint

    def __str__(self) -> str:
        goes_on = f"resume={self.checkpoint} goes on" if self.checkpoint.exists() else "nothing was saved yet"
        return f"stopped by {signal.Signals(self.signal_number).name}; {goes_on}"
