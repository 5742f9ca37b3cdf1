"""A command whose settings Hydra composes: look at them, or check them all and then run."""

from __future__ import annotations

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

from gan_experiments import launchers
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.exit_codes import INTERRUPTED, TERMINATED, ending, say_error

if TYPE_CHECKING:
    from gan_experiments.cli.arguments import Arguments
    from gan_experiments.cli.jobs import Job, Task
    from gan_experiments.cli.sweeps import Sweep


def run(task: Task, name: str, check: Callable[[Any], None], argv: Sequence[str] | None = None) -> int:
    """Run `task` under the primary config `conf/<name>.yaml`, as the command `gan-<name>`.

    `check` raises UserError for a config (typed, built) whose run could only fail. argv: None for the process's own.
    Returns the exit code: 0, 2 for a user's mistake, 1 for a failed run, 130 or 143 when interrupted. Of the ranks that
    torchrun or srun have started, the first runs the command, and the others take part in its runs.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    catalogue = Catalogue.of(name, words)

    def command() -> int:
        return ending(catalogue.program, lambda: _run(task, catalogue, check, words))

    def on_ranks() -> int:
        if launchers.world_size() == 1:
            return command()
        from gan_experiments.training.ranks import together

        return together(command)

    return ending(catalogue.program, on_ranks)


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

    job = jobs.Job(task, catalogue, full_error)
    sweeps: list[Sweep] = []
    try:
        with _signals():
            _compose_and_run(job, check, arguments.parse(argv, catalogue), sweeps)
    except SystemExit as stop:
        if stop.code not in (0, None):
            job.exit_code = stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        print(f"{catalogue.program}: interrupted", file=sys.stderr)
        job.exit_code = INTERRUPTED
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001
        message = messages.explain(error, catalogue)
        if message is None or full_error:
            traceback.print_exception(error)
        say_error(catalogue.program, message or messages.one_line(error))
        job.exit_code = 1 if message is None else 2
    return sweeps[0].report(job.exit_code) if sweeps else job.exit_code


def _compose_and_run(
    job: Job, check: Callable[[Any], None], arguments: Arguments, sweeps: list[Sweep]
) -> None:
    """Look at the settings, or run them; a sweep is put into `sweeps` once its jobs are known to make sense."""
    from gan_experiments.cli import checks, launching
    from gan_experiments.cli.composing import composer
    from gan_experiments.components import ComponentSource

    flags = arguments.flags
    with ComponentSource.composing(arguments.untyped), composer(flags.config_dir) as hydra:
        name = flags.config_name or job.catalogue.name
        checking = checks.Checking(hydra, name, job.catalogue, check)
        if arguments.looks:
            if flags.cfg:
                arguments.overrides = checking.as_begun(arguments.overrides)
            launching.look(hydra, name, arguments)
        elif flags.multirun:
            plan = checking.sweep(arguments.overrides)
            sweeps.append(plan.sweep)
            launching.launch(hydra, plan, job)
        else:
            launching.run(hydra, checking.single(arguments.overrides), job)


@contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM as an exception; whoever closes the other end of a pipe does not stop the training."""

    def terminate(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(TERMINATED)

    handler = signal.signal(signal.SIGTERM, terminate)
    logging.raiseExceptions = False
    try:
        yield
    finally:
        logging.raiseExceptions = True
        signal.signal(signal.SIGTERM, handler)


def _versions() -> str:
    from importlib.metadata import version

    from gan_experiments import __version__

    return f"gan-experiments {__version__} (hydra-core {version('hydra-core')}, torch {version('torch')})"
