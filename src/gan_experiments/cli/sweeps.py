"""Before the first job trains, every job's settings are checked; after the last, a table says what became of all."""

from __future__ import annotations

import csv
import dataclasses
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from gan_experiments import components
from gan_experiments.cli import jobs, resume
from gan_experiments.cli.catalogue import Catalogue, override_key
from gan_experiments.cli.messages import component_to_add, unknown_setting
from gan_experiments.config import Config
from gan_experiments.errors import UserError


class Refused(BaseException):
    """Carries a user's mistake out of a Hydra callback, where an Exception would become a warning."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


@dataclass
class Session:
    """What one call of a command hands to the callback that Hydra builds, and gets back from it."""

    check: Callable[[Any], None]
    catalogue: Catalogue
    sweep: Sweep | None = None


session: Session


class Checks(Callback):  # type: ignore[misc]
    """Hydra's callback, named in `conf/hydra/default.yaml`: a mistake leaves no folder and costs no training."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _refusing():
            if search := config.hydra.runtime.choices.get("hparams_search"):
                raise UserError(f"hparams_search={search} searches with many runs: add -m")
            check(config)
            message = resume.locate(config)
        if message:
            print(message)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        HydraConfig.instance().set_config(config)  # the sweep's folder depends on ${hydra:...}
        with _refusing():
            if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
                names = [_check_job(config, overrides) for overrides in _expand(config)]
            else:
                names = []
                _check_search(config)
            session.sweep = Sweep(Path(config.hydra.sweep.dir), names)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise Refused(error) from error


def check(config: DictConfig) -> Config:
    """Build a composed run's settings; raises what is wrong with them, before a folder is made."""
    cfg = config.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.pop("hydra", None)
    _check_components(cfg)
    _check_keys(cfg)
    built: Config = OmegaConf.to_object(cfg)  # type: ignore[assignment]
    session.check(built)
    return built


def _check_components(cfg: DictConfig) -> None:
    for group in components.PACKAGES:
        node = cfg.get(group)
        if isinstance(node, DictConfig) and not dataclasses.is_dataclass(OmegaConf.get_type(node)):
            raise UserError(
                f"{group} has no type: its YAML file begins with"
                f"\n  defaults:\n    - /schema/{group}@_here_: module.Class\n    - _self_"
            )


def _check_keys(node: Any) -> None:
    """Hydra accepts `+loss.margn=1` for a typed node, and `+model.penalties.gp.weight=1` where there is no gp."""
    if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
        return
    kind = OmegaConf.get_type(node)
    where = node._get_full_key(None)
    if dataclasses.is_dataclass(kind):
        known = [field.name for field in dataclasses.fields(kind)]
        for key in map(str, node):
            if key not in known:
                raise UserError(unknown_setting(where, key, known))
    for key in map(str, node):
        child = node._get_node(key)
        if not dataclasses.is_dataclass(kind) and isinstance(child, DictConfig):
            if not dataclasses.is_dataclass(OmegaConf.get_type(child)):
                hint = component_to_add(where, key, session.catalogue)
                raise UserError(f"{where} has no {key}" + hint)
        _check_keys(child)


def _expand(config: DictConfig) -> list[list[str]]:
    """The overrides of every job of a grid."""
    given = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
    parser = OverridesParser.create()
    overrides = parser.parse_overrides([*given, *config.hydra.overrides.task])
    batches = BasicSweeper.split_arguments(overrides, None)
    return [list(job) for batch in batches for job in batch]


def _check_job(config: DictConfig, overrides: list[str]) -> str:
    loader = GlobalHydra.instance().config_loader()
    job = loader.load_sweep_config(config, overrides)
    check(job)
    return jobs.job_name(list(job.hydra.overrides.task))


def _check_search(config: DictConfig) -> None:
    """A search chooses its jobs as it goes, by the value that each returns."""
    if getattr(check(config).metrics, "best", None) is None:
        option = config.hydra.runtime.choices.metrics
        raise UserError(f"a search needs a metric to optimise, and metrics={option} has none")


@dataclass
class Row:
    """What became of one job."""

    name: str
    status: str
    overrides: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    error: str = ""
    exit_code: int = 0


class Sweep:
    """The jobs in a sweep's folder; `names`: those that this command is going to run, where known."""

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder = folder
        self.names = names
        self.before = {path.parent.parent.name: path.stat().st_mtime_ns for path in self._records()}

    def _records(self) -> list[Path]:
        return sorted(self.folder.glob(f"*/{jobs.RECORD}"))

    def rows(self) -> list[Row]:
        """Every job of the folder and every planned one, sorted by name."""
        found = {path.parent.parent.name: self._row(path) for path in self._records()}
        planned = {name: Row(name, "not started") for name in self.names if name not in found}
        return [row for _, row in sorted({**found, **planned}.items())]

    def _row(self, path: Path) -> Row:
        folder = path.parent.parent
        record, summary = jobs.read_record(folder), resume.summary(folder)
        status = record.get("status", "unknown")
        if status == "running":
            status = "interrupted"
        if status == "finished" and self.before.get(folder.name) == path.stat().st_mtime_ns:
            status = "skipped"
        lines = yaml.safe_load((folder / ".hydra" / "overrides.yaml").read_text(encoding="utf-8")) or []
        overrides = {override_key(line): line.partition("=")[2] for line in lines}
        return Row(
            name=folder.name,
            status=status,
            overrides={key: value for key, value in overrides.items() if key not in jobs.NOT_IN_NAME},
            metrics=summary.get("metrics") or {},
            seconds=summary.get("seconds", record.get("seconds")),
            error=record.get("error", ""),
            exit_code=record.get("exit_code", 0),
        )

    def report(self, exit_code: int) -> int:
        """Print the table, write summary.csv; returns the exit code of the sweep.

        That is `exit_code` where the sweep as a whole was stopped, else 0, or 1 where a job failed (2 where
        every failure was a user's mistake).
        """
        rows = self.rows()
        if not rows:
            return exit_code
        print(table(rows))
        for row in rows:
            if row.status == "failed":
                print(f"failed: {row.name}: {row.error}", file=sys.stderr)
        path = self.folder / "summary.csv"
        write_csv(path, rows)
        print(f"Sweep folder: {resume.shown(self.folder)}")
        failed = {row.exit_code for row in rows if row.status == "failed"}
        if exit_code in (jobs.INTERRUPTED, jobs.TERMINATED) or not failed:
            return exit_code
        return 2 if failed == {2} else 1


def table(rows: list[Row]) -> str:
    """An aligned table: the settings that differ, the status, the metrics, the seconds, the folder's name."""
    keys = _columns(row.overrides for row in rows)
    varying = [key for key in keys if len({row.overrides.get(key) for row in rows}) > 1]
    metrics = _columns(row.metrics for row in rows)
    lines = [[*varying, "status", *metrics, "seconds", "folder"]]
    for row in rows:
        numbers = [row.metrics.get(name) for name in metrics]
        lines.append(
            [
                *(row.overrides.get(key, "") for key in varying),
                row.status,
                *("" if number is None else f"{number:.4g}" for number in numbers),
                "" if row.seconds is None else f"{row.seconds:.1f}",
                row.name,
            ]
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def write_csv(path: Path, rows: list[Row]) -> None:
    keys, metrics = _columns(row.overrides for row in rows), _columns(row.metrics for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["folder", "status", *keys, *metrics, "seconds", "error"])
        for row in rows:
            values = [row.overrides.get(key, "") for key in keys]
            numbers = [row.metrics.get(name, "") for name in metrics]
            writer.writerow([row.name, row.status, *values, *numbers, row.seconds, row.error])


def _columns(dicts: Iterable[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for one in dicts for key in one))
