"""Starting a run: in this process, or on several ranks of this machine with one folder and one log."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from gan_experiments import parallel
from gan_experiments.config import Config
from gan_experiments.errors import Interrupted, RunError, UserError, refusal
from gan_experiments.locking import locked
from gan_experiments.training.checkpoints import kept
from gan_experiments.training.companions import check_companions
from gan_experiments.training.run import Run

PATIENCE = "600"  # seconds that ranks have to save themselves before the launcher kills them
STOPS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


def nothing() -> None:
    """In place of a `begin` (a lambda cannot be sent to other ranks)."""


def run(
    config: Config, folder: Path, record: dict[str, Any], begin: Callable[[], None] = nothing
) -> dict[str, float]:
    """Train as `config` says, leave everything in `folder`, return the last evaluation's metrics.

    `record` (the resolved settings, the chosen options) goes into every checkpoint. `begin` (one that can be pickled)
    is called once, when nothing can be refused any more and nothing is written yet. Raises UserError before it, and
    where another process trains in `folder`; RunError when training cannot go on, Interrupted after a signal.
    """
    check(config)
    if config.gpu.devices > 1 and not dist.is_initialized():
        return _on_ranks(config, folder, record, begin)
    return _train(config, folder, record, begin)


def _train(
    config: Config, folder: Path, record: dict[str, Any], begin: Callable[[], None]
) -> dict[str, float]:
    """`run` in this process, which may be one of several ranks."""
    with _locked(folder), _refusals(folder):
        training = Run(config, folder, record)
        if parallel.initialized():
            dist.barrier()  # every rank has been built
        if parallel.rank() == 0:
            begin()
        return training.train()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """`locked` by the first rank, which may outlive its launcher; a refusal is that of all ranks."""
    with ExitStack() as held:

        def lock() -> UserError | None:
            try:
                held.enter_context(locked(folder))
            except UserError as error:
                return error
            return None

        if (refused := parallel.broadcast(lock)) is not None:
            raise refused
        yield


@contextmanager
def _refusals(folder: Path) -> Iterator[None]:
    """What ends a run becomes one sentence, with the last checkpoint: what the system refuses, wherever it is met."""
    threading.excepthook = _later  # for good: TensorBoard's threads may outlive a run that failed
    try:
        yield
    except RunError as error:
        raise RunError(f"{error}; {kept(folder)}") from error
    except OSError as error:
        raise RunError(f"{error.filename or folder}: {refusal(error)}; {kept(folder)}") from error


def _later(thread: threading.ExceptHookArgs) -> None:
    """No traceback for what the system refuses TensorBoard's thread: its writer raises the same in ours."""
    if not issubclass(thread.exc_type, OSError):
        threading.__excepthook__(thread)


def check(config: Config) -> None:
    """Refuse, in words, what cannot work, before any data is read."""
    config.gpu.resolve()
    check_companions(config.model, config.data)
    config.model.check(config.loss, config.data)
    if config.train.batch_size % config.gpu.devices:
        raise UserError(
            f"train.batch_size={config.train.batch_size} cannot be divided by gpu.devices={config.gpu.devices}"
        )
    _check_files(config, Path(config.paths.data))


def _check_files(config: Config, root: Path) -> None:
    """Refuse missing images of the user's own before weights are fetched; say both where those cannot be had either."""
    own = getattr(config.data, "path", None)
    if own and not Path(own).expanduser().exists():
        config.data.load("train", root)
    try:
        config.metrics.check(root)
    except UserError as error:
        missing = [remote.name for remote in config.data.missing(root)]
        if not missing:
            raise
        place = root / config.data.folders[0]
        raise UserError(
            f"{error}\nThe data is not here either: expected in {place}: {', '.join(missing)}"
        ) from error


def _on_ranks(
    config: Config, folder: Path, record: dict[str, Any], begin: Callable[[], None]
) -> dict[str, float]:
    """`run` on `gpu.devices` ranks of torch.distributed (NCCL on CUDA, else gloo)."""
    settings = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=config.gpu.devices,
        run_id=folder.name,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.1,
        start_method="spawn",
    )
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", PATIENCE)
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):  # what they report, RunError says
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        results = elastic_launch(settings, _rank)(config, folder, record, begin)
    except SignalException as stop:
        raise Interrupted(int(stop.sigval), folder / "checkpoints" / "last.pt") from stop
    except ChildFailedError as error:
        if (number := _signal_number(error)) is not None:
            raise Interrupted(number, folder / "checkpoints" / "last.pt") from error
        rank, failure = error.get_first_failure()
        raise RunError(f"rank {rank} failed: {failure.message}; {kept(folder)}") from error
    outcome = results[0]
    if isinstance(outcome, Exception):
        raise outcome
    metrics: dict[str, float] = outcome
    return metrics


def _signal_number(error: ChildFailedError) -> int | None:
    """The signal that stopped a rank; what the others then fail of is that it has gone."""
    codes = [failure.exitcode for failure in error.failures.values()]
    numbers = [-code if code < 0 else code - 128 for code in codes]
    return next((number for number in numbers if number in STOPS), None)


def _rank(
    config: Config, folder: Path, record: dict[str, Any], begin: Callable[[], None]
) -> dict[str, float] | Exception:
    """One rank; what the ranks raise alike comes back as a value, since exceptions do not cross processes."""
    device = config.gpu.resolve(int(os.environ["LOCAL_RANK"]))
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if dist.get_rank() == 0:
        handlers: list[logging.Handler] = [
            logging.FileHandler(folder / "train.log"),
            logging.StreamHandler(sys.stdout),
        ]
        logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers)
    try:
        return _train(config, folder, record, begin)
    except (UserError, RunError) as error:
        return error
    except Interrupted as stop:  # the launcher is shutting down and reads no more results
        raise SystemExit(128 + stop.signal_number) from stop
    finally:
        dist.destroy_process_group()
