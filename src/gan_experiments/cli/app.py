"""What every Hydra-driven command shares: where the configs are, exit codes, how errors are said."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from gan_experiments.cli.catalogue import Catalogue, conf_dir
from gan_experiments.cli.exit_codes import BROKEN_PIPE, INTERRUPTED, TERMINATED

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from gan_experiments.cli.arguments import Arguments
    from gan_experiments.cli.jobs import Task


def run(task: Task, name: str, check: Callable[[Any], None]) -> int:
    """Run `task` under the primary config `conf/<name>.yaml`, as the command `gan-<name>`.

    `check` raises UserError for a config (typed, built) whose run could only fail.
    Returns the exit code: 0, 2 for a user's mistake, 1 for a failed run, 130 or 143 when interrupted.
    """
    catalogue = Catalogue.of(name, sys.argv[1:])
    try:
        code = _run(task, catalogue, check, sys.argv[1:])
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # `gan-train --help | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt:
        print(f"{catalogue.program}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(task: Task, catalogue: Catalogue, check: Callable[[Any], None], argv: list[str]) -> int:
    if "--help" in argv or "-h" in argv:
        from gan_experiments.cli.help import text

        print(text(catalogue))
        return 0
    if "--version" in argv:
        print(_versions())
        return 0
    full_error = os.environ.get("HYDRA_FULL_ERROR") == "1"
    from gan_experiments.cli import arguments, jobs, messages
    from gan_experiments.cli.checks import Checks, Refused, Session

    job = jobs.Job(task, catalogue, full_error)
    Checks.session = session = Session(check, catalogue)
    try:
        parsed = arguments.parse(argv, catalogue)
        with _hydra_environment(catalogue.program, parsed):
            _hydra_main(job, catalogue.name, untyped=parsed.untyped)
    except SystemExit as stop:
        if stop.code not in (0, None):
            job.exit_code = stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        print(f"{catalogue.program}: interrupted", file=sys.stderr)
        job.exit_code = INTERRUPTED
    except BrokenPipeError:
        raise
    except (Exception, Refused) as stop:  # noqa: BLE001
        error = stop.error if isinstance(stop, Refused) else stop
        message = messages.explain(error, catalogue)
        if message is None or full_error:
            traceback.print_exception(error)
        print(f"{catalogue.program}: error: {message or messages.one_line(error)}", file=sys.stderr)
        job.exit_code = 1 if message is None else 2
    return session.sweep.report(job.exit_code) if session.sweep else job.exit_code


def _hydra_main(job: Callable[[DictConfig], Any], name: str, untyped: bool) -> None:
    import hydra

    from gan_experiments.components import ComponentSource, register

    register()
    ComponentSource.untyped = untyped
    if hydra.__version__.startswith("1.3."):
        compatibility: dict[str, Any] = {"version_base": "1.3"}
    else:
        compatibility = {"execution_whitelist": ("gan_experiments.*",)}
    hydra.main(config_path=str(conf_dir()), config_name=name, **compatibility)(job)()


@contextmanager
def _hydra_environment(program: str, arguments: Arguments) -> Iterator[None]:
    """Hydra's view of the process: our arguments, exceptions that reach us, SIGTERM as an exception."""

    def terminate(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    argv, full_error = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    handler = signal.signal(signal.SIGTERM, terminate)
    sys.argv = [program, *arguments.flags, *arguments.overrides]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    logging.raiseExceptions = False  # whoever closes the other end of a pipe does not stop the training
    try:
        yield
    finally:
        logging.raiseExceptions = True
        signal.signal(signal.SIGTERM, handler)
        sys.argv = argv
        if full_error is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full_error


def _versions() -> str:
    from importlib.metadata import version

    from gan_experiments import __version__

    return f"gan-experiments {__version__} (hydra-core {version('hydra-core')}, torch {version('torch')})"
