"""One job in its folder: what happens around the training, and what a sweep needs to know about it.

Hydra's launchers import this module in every worker, so that its resolver is known there too.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import os
import re
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from logging.handlers import MemoryHandler
from pathlib import Path
from typing import Any

import omegaconf
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.cli import gpus, messages, names, resume
from gan_experiments.cli.catalogue import Catalogue, options
from gan_experiments.cli.exit_codes import TERMINATED, say_error
from gan_experiments.cli.recorded import changed
from gan_experiments.errors import Interrupted, RunError, UserError, too_large
from gan_experiments.locking import NAME as LOCK
from gan_experiments.locking import refuse_if_locked
from gan_experiments.runs import RECORD, RunFolder, relative
from gan_experiments.terminal import JOB, line_format, log_to_file
from gan_experiments.writing import writing

log = logging.getLogger("gan_experiments")

Begin = Callable[[], None]  # called once, when nothing can be refused any more
Task = Callable[[DictConfig, Begin], "float | None"]

MISTAKES = (HydraException, OmegaConfBaseException)  # a UserError is a HydraException


class Job:
    """The task of a command as Hydra calls it, once for every run.

    It raises no Exception, so that a failing job stops no other: it prints one message, leaves the traceback in
    the run's log, writes what became of the job to `.hydra/job.json` and keeps the exit code. Nothing in the folder
    of a run changes before the task has called `begin`; a run that is refused leaves its folder as it was.
    """

    def __init__(self, task: Task, catalogue: Catalogue, full_error: bool) -> None:
        self.task = task
        self.catalogue = catalogue
        self.full_error = full_error
        self.exit_code = 0

    def __call__(self, cfg: DictConfig) -> float | None:
        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        named = options(hydra.runtime.choices)
        record: dict[str, Any] = {"options": named, "config": portable(cfg), "status": "running"}
        record["began"] = time.time()
        if hydra.mode == RunMode.MULTIRUN:
            if runs_beside_others(hydra):
                gpus.take(cfg.gpu.devices)
            before = RunFolder(folder).record
            others = changed(before, record, cfg) if before else ["all"]
            if not others and before.get("status") == "finished":
                log.info("finished before: %s", folder.name)
                value: float | None = before.get("value")
                return value
            _prepare(folder, cfg, others)
        begin = functools.partial(write_settings, folder, settings_files(cfg, hydra), record)
        with job_named(hydra, folder.name), _log_held_back(lambda: has_begun(folder, record)):
            self._run(cfg, hydra, folder, record, begin)
        return record.get("value")

    def _run(
        self,
        cfg: DictConfig,
        hydra: HydraConf,
        folder: Path,
        record: dict[str, Any],
        begin: Begin,
    ) -> None:
        """Call the task and write into `record`, and the folder of a run that has begun, what became of it."""
        try:
            if hydra.mode == RunMode.MULTIRUN:  # a row of the table, whatever becomes of it
                begin()
            record["value"] = self.task(cfg, begin)
            record["status"] = RunFolder(folder).summary.get("status", "finished")
        except (KeyboardInterrupt, Interrupted) as stop:
            record["status"] = "interrupted"
            self._stop(stop)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            record.update(status="failed", **self._fail(error, folder, hydra, has_begun(folder, record)))
            traceback.clear_frames(error.__traceback__)  # tensors of a failed job would stay on the device
        finally:
            if has_begun(folder, record):
                record["seconds"] = round(time.time() - record["began"], 1)
                self._write(folder, record)
            elif not any(folder.iterdir()):
                folder.rmdir()

    def _write(self, folder: Path, record: dict[str, Any]) -> None:
        try:
            write_record(folder, record)
        except RunError as error:
            say_error(self.catalogue.program, str(error))
            self.exit_code = self.exit_code or 1

    def _stop(self, stop: BaseException) -> None:
        """Leave through Hydra, which would go on with the next job after a mere Exception."""
        if not isinstance(stop, Interrupted):
            raise stop
        log.warning("%s", stop)
        handler = signal.getsignal(stop.signal_number)
        if callable(handler):  # submitit's puts the job into the queue again
            handler(stop.signal_number, None)
        raise KeyboardInterrupt if stop.signal_number == signal.SIGINT else SystemExit(TERMINATED)

    def _fail(self, error: BaseException, folder: Path, hydra: HydraConf, begun: bool) -> dict[str, Any]:
        if isinstance(error, SystemExit) and isinstance(error.code, int) and not 0 <= error.code < 128:
            raise error  # of a signal's handler: ours, or submitit's
        message = messages.explain(error, self.catalogue) if isinstance(error, MISTAKES) else None
        if message is None and (lacking := too_large(error)):
            message = (
                f"{lacking}: a smaller train.batch_size, network.width or data.image_size needs less, and so do batches "
                "in parts, train.accumulate=2"
            )
        self.exit_code = 1 if message is None else 2
        short = message or (str(error) if isinstance(error, RunError) else messages.one_line(error))
        where = ""
        if begun:
            log_to_file(log, logging.ERROR, short, error if message is None else None)
            log_file = folder / f"{hydra.job.name}.log"
            where = f"\n  The traceback is in {relative(log_file)}" if message is None else ""
        unexpected = message is None and not isinstance(error, RunError)
        if self.full_error or (unexpected and hydra.mode == RunMode.RUN):
            traceback.print_exception(error)
        say_error(self.catalogue.program, short + where)
        return {"error": short, "exit_code": self.exit_code}


def settings_files(cfg: DictConfig, hydra: HydraConf) -> dict[str, str]:
    """The files of `.hydra` that say what a run was composed of, by their names."""
    own = OmegaConf.to_container(OmegaConf.create({"hydra": hydra}), enum_to_str=True)
    for long_text in ("help", "hydra_help"):
        del own["hydra"][long_text]  # type: ignore[call-overload, index, union-attr]
    return {
        "config.yaml": OmegaConf.to_yaml(cfg),
        "hydra.yaml": OmegaConf.to_yaml(OmegaConf.create(own)),
        "overrides.yaml": OmegaConf.to_yaml(hydra.overrides.task),
    }


def write_settings(folder: Path, files: dict[str, str], record: dict[str, Any]) -> None:
    """Write `.hydra`: the run has begun. Raises RunError where the system refuses."""
    for name, text in files.items():
        with writing((folder / RECORD).with_name(name)) as file:
            file.write_text(text, encoding="utf-8")
    write_record(folder, record)


def has_begun(folder: Path, record: dict[str, Any]) -> bool:
    """Whether the run of this record (not an earlier one in the same folder) has written its settings."""
    return bool(RunFolder(folder).record.get("began") == record["began"])


def runs_beside_others(hydra: HydraConf) -> bool:
    return not hydra.launcher._target_.endswith(".BasicLauncher")


@contextmanager
def job_named(hydra: HydraConf, name: str) -> Iterator[None]:
    """Let what the job says on the console begin with its name where a launcher runs jobs side by side."""
    if runs_beside_others(hydra):
        os.environ[JOB] = name
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            handler.setFormatter(logging.Formatter(line_format()))
    try:
        yield
    finally:
        os.environ.pop(JOB, None)


class _HeldBack(MemoryHandler):
    """Keeps what is logged out of a run's log file until the run has begun."""

    def __init__(self, begun: Callable[[], bool], file: logging.FileHandler) -> None:
        super().__init__(100_000, target=file, flushOnClose=False)
        self.begun = begun
        self.open = False

    def shouldFlush(self, record: logging.LogRecord | None = None) -> bool:  # noqa: N802
        self.open = self.open or self.begun()
        return self.open


@contextmanager
def _log_held_back(begun: Callable[[], bool]) -> Iterator[None]:
    """Keep what is logged out of the run's log file until `begun` is true."""
    root = logging.getLogger()
    before = root.handlers
    held = [_HeldBack(begun, one) if isinstance(one, logging.FileHandler) else one for one in before]
    root.handlers = held
    try:
        yield
    finally:
        for handler in held:
            if isinstance(handler, _HeldBack) and handler.shouldFlush():
                handler.flush()
        root.handlers = before


def portable(cfg: DictConfig) -> dict[str, Any]:
    """The resolved settings that decide what a run computes: without where its files are and who is told."""
    cfg = cfg.copy()
    with read_write(cfg):
        for where in cfg.paths:
            cfg.paths[where] = where
        cfg.resume = cfg.sweep = None
    container = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
    settings: dict[str, Any] = json.loads(json.dumps(container))
    settings.pop("logger", None)
    return settings


def write_record(folder: Path, record: dict[str, Any]) -> None:
    with writing(folder / RECORD) as file:
        file.write_text(json.dumps(record, indent=1), encoding="utf-8")


def _prepare(folder: Path, cfg: DictConfig, others: list[str]) -> None:
    """A sweep's folder may hold an earlier attempt: go on with it, or put it aside if settings have changed."""
    refuse_if_locked(folder)
    if not others:
        if (folder / resume.LAST).is_file():
            cfg.resume = str(folder / resume.LAST)
        return
    log_file = f"{HydraConfig.get().job.name}.log"
    old = [path for path in folder.iterdir() if path.name not in (".hydra", log_file, LOCK)]
    if old:
        aside = free_folder(folder.parent / ".replaced" / folder.name)
        for path in old:
            path.rename(aside / path.name)
        named = ", ".join(others[:5]) + ", ..." * (len(others) > 5)
        log.info(
            "settings have changed (%s), so this job starts again; its earlier files are in %s", named, aside
        )


def free_folder(wanted: Path) -> Path:
    """A new folder: `wanted`, or `wanted-2`, `wanted-3`, ... where others have taken it first."""
    for attempt in itertools.count(1):
        folder = wanted if attempt == 1 else wanted.with_name(f"{wanted.name}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise AssertionError


def sweep_folder(parent: Path, name: str) -> Path:
    """The folder of the sweep called `name`; raises UserError for what is no name of a folder."""
    if not re.fullmatch(r"[\w+-][\w.+-]*", str(name)):
        raise UserError(f"sweep={name}: a sweep's name is a folder's name, of letters, digits and . _ + -")
    return parent / str(name)


def _name(overrides: Sequence[str], sweep: str) -> str:
    return names.job_folder(Path(sweep), overrides).name


# The name of OmegaConf 2.4; in 2.3 it was that of an older function.
_register = getattr(
    OmegaConf, "register_new_resolver" if omegaconf.__version__.startswith("2.3.") else "register_resolver"
)
_register("job_name", _name, replace=True)
