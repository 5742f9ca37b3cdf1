"""What the commands without Hydra share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn

from gan_experiments.cli.exit_codes import ending
from gan_experiments.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are said like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def command(program: str, action: Callable[[], None]) -> int:
    """Run `action`; returns the exit code.

    No command takes an empty word, which as a path would be the folder one stands in.
    """

    def succeeding() -> int:
        if "" in sys.argv[1:]:
            raise UserError("an argument is empty; perhaps a variable of the shell is not set")
        action()
        return 0

    return ending(program, succeeding)
