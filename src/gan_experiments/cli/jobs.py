"""One job in its folder: what happens around the training, and what a sweep needs to know about it.

Hydra's launchers import this module in every worker, so that its resolvers are known there too.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import omegaconf
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.cli import messages, resume
from gan_experiments.cli.catalogue import Catalogue, override_key
from gan_experiments.cli.exit_codes import INTERRUPTED, TERMINATED
from gan_experiments.errors import Interrupted, RunError, UserError
from gan_experiments.runs import RECORD, RunFolder

log = logging.getLogger("gan_experiments")
failures = logging.getLogger("gan_experiments.failure")  # goes to the run's log file alone

Task = Callable[[DictConfig], "float | None"]

MAX_NAME = 200  # bytes; file systems allow 255
MISTAKES = (HydraException, OmegaConfBaseException)  # a UserError is a HydraException
NOT_IN_NAME = ("sweep", "resume", "paths.data", "paths.outputs")


class Job:
    """The task of a command as Hydra calls it, once for every run.

    It raises no Exception, so that a failing job stops no other: it prints one message, leaves the traceback in
    the run's log, writes what became of the job to `.hydra/job.json` and keeps the exit code.
    """

    def __init__(self, task: Task, catalogue: Catalogue, full_error: bool) -> None:
        self.task = task
        self.catalogue = catalogue
        self.full_error = full_error
        self.exit_code = 0

    def __call__(self, cfg: DictConfig) -> float | None:
        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        record: dict[str, Any] = {"config": portable(cfg), "status": "running"}
        if hydra.mode == RunMode.MULTIRUN:
            before = RunFolder(folder).record
            same = before.get("config") == record["config"]
            if same and before.get("status") == "finished":
                log.info("finished before: %s", folder.name)
                value: float | None = before.get("value")
                return value
            _prepare(folder, cfg, same)
        write_record(folder, record)
        started = time.monotonic()
        try:
            record["value"] = self.task(cfg)
            record["status"] = RunFolder(folder).summary.get("status", "finished")
        except (KeyboardInterrupt, Interrupted) as stop:
            record["status"] = "interrupted"
            self._stop(stop)
        except (Exception, SystemExit) as error:  # noqa: BLE001
            record.update(status="failed", **self._fail(error, folder, hydra))
            traceback.clear_frames(error.__traceback__)  # tensors of a failed job would stay on the device
        finally:
            record["seconds"] = round(time.monotonic() - started, 1)
            write_record(folder, record)
        return record.get("value")

    def _stop(self, stop: BaseException) -> None:
        """Leave through Hydra, which would go on with the next job after a mere Exception."""
        if not isinstance(stop, Interrupted):
            raise stop
        log.warning("%s", stop)
        raise KeyboardInterrupt if stop.signal_number == signal.SIGINT else SystemExit(TERMINATED)

    def _fail(self, error: BaseException, folder: Path, hydra: HydraConf) -> dict[str, Any]:
        if isinstance(error, SystemExit) and error.code in (INTERRUPTED, TERMINATED):
            raise error
        message = messages.explain(error, self.catalogue) if isinstance(error, MISTAKES) else None
        log_file = folder / f"{hydra.job.name}.log"
        self.exit_code = 1 if message is None else 2
        short = message or (str(error) if isinstance(error, RunError) else messages.one_line(error))
        failures.error("%s", short, exc_info=error if message is None else None)
        unexpected = message is None and not isinstance(error, RunError)
        if self.full_error or (unexpected and hydra.mode == RunMode.RUN):
            traceback.print_exception(error)
        where = f"\n  The traceback is in {resume.shown(log_file)}" if message is None else ""
        print(f"{self.catalogue.program}: error: {short}{where}", file=sys.stderr)
        return {"error": short, "exit_code": self.exit_code}


def portable(cfg: DictConfig) -> dict[str, Any]:
    """The resolved settings that decide what a run computes: without where its files are."""
    cfg = cfg.copy()
    with read_write(cfg):
        for where in cfg.paths:
            cfg.paths[where] = where
        cfg.resume = cfg.sweep = None
    container = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
    settings: dict[str, Any] = json.loads(json.dumps(container))
    return settings


def write_record(folder: Path, record: dict[str, Any]) -> None:
    temporary = folder / RECORD.with_suffix(".tmp")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(json.dumps(record, indent=1), encoding="utf-8")
    temporary.replace(folder / RECORD)


def _prepare(folder: Path, cfg: DictConfig, same: bool) -> None:
    """A sweep's folder may hold an earlier attempt: go on with it, or put it aside if its settings differ."""
    if same:
        if (folder / resume.LAST).is_file():
            cfg.resume = str(folder / resume.LAST)
        return
    log_file = f"{HydraConfig.get().job.name}.log"
    old = [path for path in folder.iterdir() if path.name not in (".hydra", log_file)]
    if old:
        aside = free_folder(str(folder.parent / ".replaced"), folder.name)
        for path in old:
            path.rename(Path(aside) / path.name)
        log.info("the settings have changed, so this job starts again; its earlier files are in %s", aside)


def free_folder(parent: str, name: str) -> str:
    """A new folder `parent/name`, or `name-2`, `name-3`, ... where others have taken it first."""
    for attempt in itertools.count(1):
        folder = Path(parent) / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return str(folder)
    raise AssertionError


def sweep_folder(parent: str, name: str | None, now: str) -> str:
    """The folder of a sweep: the one of that name, or a new one."""
    if name is None:
        return free_folder(parent, now)
    if not re.fullmatch(r"[\w+-][\w.+-]*", name):
        raise UserError(f"sweep={name}: a sweep's name is a folder's name, of letters, digits and . _ + -")
    return str(Path(parent) / name)


def job_name(overrides: Sequence[str]) -> str:
    """The folder name of a sweep's job: its overrides, sorted; a hash ends a name that is cut or changed."""
    full = ",".join(sorted(o for o in overrides if override_key(o) not in NOT_IN_NAME)) or "defaults"
    name = re.sub(r"[^\w.=,+~@-]", "_", full)
    if name == full and len(name.encode()) <= MAX_NAME:
        return name
    digest = hashlib.sha256(full.encode()).hexdigest()[:8]
    return name.encode()[: MAX_NAME - 9].decode(errors="ignore") + "-" + digest


# The name of OmegaConf 2.4; in 2.3 it was that of an older function.
_register = getattr(
    OmegaConf, "register_new_resolver" if omegaconf.__version__.startswith("2.3.") else "register_resolver"
)
# The cache keeps the folder of a run the same however often the setting is read.
_register("run_folder", free_folder, use_cache=True, replace=True)
_register("sweep_folder", sweep_folder, use_cache=True, replace=True)
_register("job_name", job_name, replace=True)
