"""What the commands without Hydra share: exit codes and one short message for a mistake."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import NoReturn

from gan_experiments.errors import RunError, UserError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are said like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def command(program: str, action: Callable[[], None]) -> int:
    """Run `action`; returns 0, 2 for a user's mistake, 1 for a failure with one sentence, 130 when interrupted."""
    try:
        action()
        sys.stdout.flush()
    except (UserError, RunError) as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, UserError) else 1
    except BrokenPipeError:  # `gan-data list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    return 0
