"""How every command ends: exit codes, and one short message for a mistake."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from gan_experiments.plain import plain

# Besides 0, 1 (a failed run) and 2 (a user's mistake): 128 plus the signal's number, as shells have it.
INTERRUPTED, TERMINATED, BROKEN_PIPE = 130, 143, 141


def ending(program: str, action: Callable[[], int]) -> int:
    """The exit code of `action`: 2 for a user's mistake, 1 for a failure with one sentence, 130 when interrupted.

    Also where somebody closes what it prints to.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # `gan-data list >&-`
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    try:
        code = action()
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `gan-train --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        from gan_experiments import errors  # which imports Hydra: --help does without

        if (message := errors.one_sentence(error)) is None:
            raise
        say_error(program, message)
        return 2 if isinstance(error, errors.UserError) else 1


def say_error(program: str, message: str) -> None:
    lines = [
        plain(line) for line in message.split("\n")
    ]  # with names of files and settings of others in them
    print(f"{program}: error: " + "\n".join(lines), file=sys.stderr)
