"""What the commands without Hydra share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from gan_experiments.cli.exit_codes import ending
from gan_experiments.errors import UserError


class Parser(argparse.ArgumentParser):
    """A parser whose errors are said like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def command(program: str, action: Callable[[], None]) -> int:
    """Run `action`; returns the exit code."""

    def succeeding() -> int:
        action()
        return 0

    return ending(program, succeeding)
