"""What the commands without Hydra share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from gan_experiments.cli.exit_codes import ending, say_error
from gan_experiments.errors import RunError, UserError, refusal, too_large


class Parser(argparse.ArgumentParser):
    """A parser whose errors are said like all others."""

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def command(program: str, action: Callable[[], None]) -> int:
    """Run `action`; returns 0, 2 for a user's mistake, 1 for a failure with one sentence, 130 when interrupted."""

    def guarded() -> int:
        try:
            action()
        except (UserError, RunError) as error:
            say_error(program, str(error))
            return 2 if isinstance(error, UserError) else 1
        except BrokenPipeError:
            raise
        except OSError as error:
            say_error(program, f"{error.filename}: {refusal(error)}" if error.filename else refusal(error))
            return 1
        except Exception as error:
            if (message := too_large(error)) is None:
                raise
            say_error(program, message)
            return 1
        return 0

    return ending(program, guarded)
