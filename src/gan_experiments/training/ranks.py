"""The ranks of one run: processes that this one starts, or that torchrun or srun have started.

Ranks share one process group (NCCL on CUDA, else gloo) for the time of a run; the first one has the folder and the log.
"""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
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
from gan_experiments.terminal import line_format
from gan_experiments.training.checkpoints import kept
from gan_experiments.training.run import Run
from gan_experiments.training.signals import STOPS, handlers_given_back

Begin = Callable[[], None]
Metrics = dict[str, float]

PATIENCE = "600"  # seconds that ranks have to save themselves before the launcher kills them
JOINING = timedelta(minutes=10)  # until all ranks have come
LEAVING = timedelta(seconds=20)  # that the first rank waits for the others at its end
FOREVER = timedelta(days=1000)


def nothing() -> None:
    """In place of a `begin` (a lambda cannot be sent to other ranks)."""


def train(config: Config, folder: Path, record: dict[str, Any], begin: Begin) -> Metrics:
    """What this process does of a run, alone or as a rank of the process group."""
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
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        raise RunError(f"another rank has stopped, or cannot be reached; {kept(folder)}") from error


def _later(thread: threading.ExceptHookArgs) -> None:
    """No traceback for what the system refuses TensorBoard's thread: its writer raises the same in ours."""
    if not issubclass(thread.exc_type, OSError):
        threading.__excepthook__(thread)


class World:
    """The ranks that a launcher has started: the first tells the others of its runs, through a store."""

    def __init__(self) -> None:
        try:
            meeting = dist.rendezvous("env://", timeout=JOINING)  # type: ignore[attr-defined]
            self.store, self.rank, self.size = next(meeting)
        except (dist.DistError, ValueError) as error:
            raise UserError(f"the ranks of this run have not met: {error}") from error
        self.messages = 0

    def lead(self, config: Config, folder: Path, record: dict[str, Any], begin: Begin) -> Metrics:
        """Train together with the others, as the first rank."""
        self._tell((config, folder, record))
        return self._train(config, folder, record, begin)

    def end(self, code: int) -> None:
        """Let the others end with this exit code."""
        self._tell(code)
        with suppress(dist.DistError):
            self.store.wait([f"left/{rank}" for rank in range(1, self.size)], LEAVING)

    def follow(self) -> int:
        """Take part in every run of the first rank; returns its exit code."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while it waits; a run catches signals itself
        try:
            while not isinstance(message := self._hear(), int):
                config, folder, record = message
                try:
                    self._train(config, folder, record, nothing)
                except (UserError, RunError) as error:  # of this machine alone, or of every rank
                    print(f"rank {self.rank}: error: {error}", file=sys.stderr)
            return message
        except Interrupted as stop:
            with suppress(dist.DistError):
                self._hear()  # until the first has written what became of the run: launchers kill it when others end
            return 128 + stop.signal_number
        except dist.DistError:  # the first rank has gone without a word
            return 1
        finally:
            with suppress(dist.DistError):
                self.store.set(f"left/{self.rank}", "")

    def _tell(self, message: Any) -> None:
        self.messages += 1
        self.store.set(f"message/{self.messages}", pickle.dumps((sys.path, pickle.dumps(message))))

    def _hear(self) -> Any:
        self.messages += 1
        self.store.wait([f"message/{self.messages}"], FOREVER)
        path, message = pickle.loads(self.store.get(f"message/{self.messages}"))
        sys.path[:] = path  # where a user's own classes are found
        return pickle.loads(message)

    def _train(self, config: Config, folder: Path, record: dict[str, Any], begin: Begin) -> Metrics:
        device = config.gpu.resolve(int(os.environ["LOCAL_RANK"]))
        self._check(device)
        store = dist.PrefixStore(  # type: ignore[attr-defined]
            f"run/{self.messages}", self.store
        )
        with group(device, store=store, rank=self.rank, world_size=self.size):
            return train(config, folder, record, begin)

    def _check(self, device: torch.device) -> None:
        """Raise UserError, on all ranks, where two have the same GPU, or some have none."""
        uuid = torch.cuda.get_device_properties(device).uuid if device.type == "cuda" else self.rank
        self.store.set(f"device/{self.messages}/{self.rank}", f"{device.type} {socket.gethostname()} {uuid}")
        devices = [self.store.get(f"device/{self.messages}/{rank}").decode() for rank in range(self.size)]
        if len({text.partition(" ")[0] for text in devices}) > 1:
            raise UserError(
                "some ranks have a GPU and others none: gpu=cpu uses none, gpu=cuda says who has none"
            )
        for rank, text in enumerate(devices):
            if (first := devices.index(text)) < rank:
                raise UserError(f"ranks {first} and {rank} have the same GPU: start one process for each GPU")


world: World | None = None  # of this process; a launcher starts it once


def together(command: Callable[[], int]) -> int:
    """`command` on the first of the ranks that a launcher has started, its runs on all of them; returns its exit code.

    Raises UserError where they do not meet.
    """
    global world
    world = World()
    if world.rank:
        return world.follow()
    code = 1
    try:
        code = command()
    finally:
        world.end(code)
    return code


@contextmanager
def group(device: torch.device, **where: Any) -> Iterator[None]:
    """The process group of a run on devices like `device`."""
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", **where)
    try:
        yield
    finally:
        dist.destroy_process_group()


def spawn(config: Config, folder: Path, record: dict[str, Any], begin: Begin) -> Metrics:
    """Train on `gpu.devices` ranks that this process starts on this machine."""
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
        signals_to_handle=",".join(number.name for number in STOPS),
    )
    os.environ.setdefault("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", PATIENCE)
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):  # what they report, RunError says
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with handlers_given_back():
            results = elastic_launch(settings, _spawned)(config, folder, record, begin)
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
    metrics: Metrics = outcome
    return metrics


def _signal_number(error: ChildFailedError) -> int | None:
    """The signal that stopped a rank; what the others then fail of is that it has gone."""
    codes = [failure.exitcode for failure in error.failures.values()]
    numbers = [-code if code < 0 else code - 128 for code in codes]
    return next((number for number in numbers if number in STOPS), None)


def _spawned(config: Config, folder: Path, record: dict[str, Any], begin: Begin) -> Metrics | Exception:
    """One rank; what the ranks raise alike comes back as a value, since exceptions do not cross processes."""
    try:
        with group(config.gpu.resolve(int(os.environ["LOCAL_RANK"]))):
            if dist.get_rank() == 0:
                console = logging.StreamHandler(sys.stdout)
                console.setFormatter(logging.Formatter(line_format()))
                handlers: list[logging.Handler] = [logging.FileHandler(folder / "train.log"), console]
                logging.basicConfig(level=logging.INFO, format="%(message)s", handlers=handlers)
            return train(config, folder, record, begin)
    except (UserError, RunError) as error:
        return error
    except Interrupted as stop:  # the launcher is shutting down and reads no more results
        raise SystemExit(128 + stop.signal_number) from stop
