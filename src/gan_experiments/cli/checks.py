"""A run's settings, or those of all jobs of a sweep, are checked before a folder is made and anything trains."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from gan_experiments import components
from gan_experiments.cli import jobs, resume
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.messages import component_to_add, unknown_setting
from gan_experiments.cli.sweeps import Sweep
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


class Checks(Callback):
    """Hydra's callback, named in `conf/hydra/default.yaml`; `session` is set by whoever starts Hydra."""

    session: ClassVar[Session]

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _refusing():
            if search := config.hydra.runtime.choices.get("hparams_search"):
                raise UserError(f"hparams_search={search} searches with many runs: add -m")
            if config.sweep is not None:
                raise UserError(f"sweep={config.sweep} names a sweep: add -m")
            check(config)
            message = resume.locate(config)
        if message:
            print(message)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _refusing():
            if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
                names = [_check_job(config, overrides) for overrides in _expand(config)]
            else:
                names = []
                _check_search(config)
            self.session.sweep = Sweep(Path(config.hydra.sweep.dir), names)


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
    Checks.session.check(built)
    return built


def _check_components(cfg: DictConfig) -> None:
    for group in components.PACKAGES:
        if group not in cfg or OmegaConf.is_missing(cfg, group) or cfg[group] is None:
            continue
        if not _is_typed(cfg[group]):
            raise UserError(
                f"{group} has no type: its YAML file begins with"
                f"\n  defaults:\n    - /schema/{group}@_here_: module.Class\n    - _self_"
            )


def _check_keys(node: Any) -> None:
    """Hydra accepts `+loss.margn=1` for a typed node, and `+model.penalties.gp.weight=1` where there is no gp."""
    if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
        return
    where = node._get_full_key(None)
    if _is_typed(node):
        known = [field.name for field in dataclasses.fields(cast(Any, OmegaConf.get_type(node)))]
        for key in map(str, node):
            if key not in known:
                raise UserError(unknown_setting(where, key, known))
    for key in map(str, node):
        child = node._get_node(key)
        if not (_is_typed(node) or _is_typed(child)) and isinstance(child, DictConfig):
            raise UserError(f"{where} has no {key}" + component_to_add(where, key, Checks.session.catalogue))
        _check_keys(child)


def _is_typed(node: Any) -> bool:
    return isinstance(node, DictConfig) and dataclasses.is_dataclass(OmegaConf.get_type(node))


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
