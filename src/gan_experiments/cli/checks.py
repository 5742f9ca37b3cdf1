"""All jobs of a command line, composed, expanded and checked before Hydra runs any and before a folder is made."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, read_write

from gan_experiments import components
from gan_experiments.cli import draws, jobs, names, resume
from gan_experiments.cli.arguments import expanded
from gan_experiments.cli.catalogue import RECIPES, Catalogue, override_key, own_recipe
from gan_experiments.cli.composing import check_numbers
from gan_experiments.cli.messages import component_to_add, unknown_setting
from gan_experiments.cli.recorded import Recorded, recorded
from gan_experiments.cli.sweeps import Sweep
from gan_experiments.config import Config
from gan_experiments.errors import UserError

MOST_JOBS = 10_000  # of a sweep


@dataclass
class SinglePlan:
    """One run: its settings, and its folder (a new one beside it where another run has taken it, if `fresh`)."""

    config_name: str
    config: DictConfig
    folder: Path
    fresh: bool
    message: str | None


@dataclass
class SweepPlan:
    """A sweep: the settings that its jobs share, and the overrides of each job (none where a search chooses them).

    fresh: whether its folder is a new one, beside another of that name if need be. common: what its jobs' names leave
    out.
    """

    config_name: str
    config: DictConfig
    jobs: list[list[str]]
    sweep: Sweep
    fresh: bool
    common: list[str]


@dataclass
class Checking:
    """Composes with `hydra` under the primary config `name`; `check` judges a run's typed settings."""

    hydra: Hydra
    name: str
    catalogue: Catalogue
    check: Callable[[Any], None]

    def single(self, overrides: list[str]) -> SinglePlan:
        """One run; raises what is wrong with it."""
        if any(override_key(one) == "hydra.mode" for one in overrides):
            raise UserError("hydra.mode is said with -m: a sweep with it, one run without")
        config = self.hydra.compose_config(self.name, overrides, RunMode.RUN)
        if search := config.hydra.runtime.choices.get("hparams_search"):
            raise UserError(f"hparams_search={search} searches with many runs: add -m")
        if config.get("sweep") is not None:
            raise UserError(f"sweep={config.sweep} names a sweep: add -m")
        self.built(config)
        checkpoint, run, message = resume.located(config)
        if run is not None and (begun := self._begun(config, run)):
            begun.put(config)
            self.built(config)
            message = "\n".join([message or "", *begun.told()])
        _resume(config, checkpoint)
        named = any(override_key(one) == "hydra.run.dir" for one in overrides)
        folder = run or _run_folder(config)
        if run is None and named:
            resume.check_unused(folder)
        return SinglePlan(self.name, config, folder, run is None and not named, message)

    def as_begun(self, overrides: list[str]) -> list[str]:
        """The overrides that show the settings of a run which `resume=` names as those with which it goes on."""
        config = self.hydra.compose_config(self.name, overrides, RunMode.RUN)
        run = None if config.get("resume") in (None, resume.AUTO) else resume.run_of(Path(config.resume))
        return [*overrides, *([] if run is None else self._begun(config, run).overrides())]

    def _begun(self, config: DictConfig, run: Path) -> Recorded:
        """The settings with which a run that is resumed began, where today's recipes would change them."""
        if config.resume == resume.AUTO:  # the run's overrides are those given
            return recorded(run, config, config, set())
        old = list(resume.replayed(run, [], self.catalogue))
        today = self.hydra.compose_config(self.name, expanded(old, self.catalogue), RunMode.RUN)
        given, known = config.hydra.overrides.task, today.hydra.overrides.task
        return recorded(run, today, config, {override_key(one) for one in given if one not in known})

    def sweep(self, overrides: list[str]) -> SweepPlan:
        """All jobs of a grid, or the base of a search; raises what is wrong with any of them."""
        overrides = [self._without_glob(one) for one in overrides]
        config = self.hydra.compose_config(self.name, [*overrides, "hydra.mode=MULTIRUN"], RunMode.MULTIRUN)
        named = any(override_key(one) == "hydra.sweep.dir" for one in overrides)
        if config.get("sweep") is not None and not named:
            folder = jobs.sweep_folder(_outputs(config) / "sweeps", config.sweep)
        else:
            folder = _place("hydra.sweep.dir", config.hydra.sweep.dir)
        if config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            chosen = self._jobs(config)
            typed = [self._check_job(config, job) for job in chosen]
        else:
            chosen, typed = [], []
            self._check_search(config)
        fresh = not named and config.get("sweep") is None
        common = None if fresh else names.common(folder)
        if common is None:
            common = names.shared(typed) if typed else self._constants(config)
        sweep = Sweep(folder, [names.job_name(job, common) for job in typed])
        return SweepPlan(self.name, config, chosen, sweep, fresh, common)

    def built(self, config: DictConfig) -> Config:
        """A composed run's settings as objects; raises what is wrong with them."""
        cfg = config.copy()
        OmegaConf.set_struct(cfg, False)
        cfg.pop("hydra", None)
        _check_components(cfg)
        self._check_keys(cfg)
        check_numbers(cfg)
        _outputs(cfg)
        built: Config = OmegaConf.to_object(cfg)  # type: ignore[assignment]
        self.check(built)
        return built

    def _check_keys(self, node: Any) -> None:
        """Hydra accepts `+loss.margn=1` for a typed node, and `+model.penalties.gp.weight=1` where there is no gp."""
        if not isinstance(node, DictConfig) or node._is_none() or node._is_missing():
            return
        where = node._get_full_key(None)
        typed = _is_typed(node)
        if typed:
            known = [field.name for field in dataclasses.fields(cast(Any, OmegaConf.get_type(node)))]
            for key in map(str, node):
                if key not in known:
                    raise UserError(unknown_setting(where, key, known))
        for key in map(str, node):
            child = node._get_node(key)
            if not typed and not _is_typed(child):
                raise UserError(f"{where} has no {key}" + component_to_add(where, key, self.catalogue))
            self._check_keys(child)

    def _without_glob(self, text: str) -> str:
        """`model=glob(wgan*)` with the options that it means written out: Hydra's also takes parts of others."""
        group = override_key(text)
        if "glob(" not in text or group not in self.catalogue.groups:
            return text
        override = OverridesParser.create().parse_override(text)
        if not isinstance(override._value, Glob):
            return text
        names = override._value.filter(list(self.catalogue.groups[group]))
        if not names:
            listed = ", ".join(self.catalogue.groups[group])
            raise UserError(f"{text} is true of no option. Options: {listed}")
        return f"{text.partition('=')[0]}={','.join(names)}"

    def _jobs(self, config: DictConfig) -> list[list[str]]:
        """The overrides of every job of a grid."""
        given = [f"{key}={value}" for key, value in (config.hydra.sweeper.params or {}).items()]
        parser = OverridesParser.create(config_loader=self.hydra.config_loader)
        every = parser.parse_overrides([*given, *config.hydra.overrides.task])
        overrides = [one for one in every if not draws.is_drawn(one)]
        for override in overrides:
            _check_continuous(override)
        counts = [len(_values(one)) for one in overrides if one.is_sweep_override()]
        if math.prod(counts) > MOST_JOBS:
            raise UserError(
                f"this sweep has more than {MOST_JOBS:,} jobs, all of which would be checked first"
            )
        (batch,) = BasicSweeper.split_arguments(overrides, None)
        if not batch:
            empty = [one.input_line for one in overrides if one.is_sweep_override() and not _values(one)]
            raise UserError(f"{empty[0]} gives no value, so there is nothing to run")
        grid = [expanded(list(job), self.catalogue) for job in batch]
        typed = [one for one in every[len(given) :] if draws.is_drawn(one)]
        if typed or config.hydra.runtime.choices.get("hparams_search"):
            self._draw(config, grid, typed)
        return grid

    def _draw(self, config: DictConfig, grid: list[list[str]], typed: list[Override]) -> None:
        """Add to each job of a grid what its search has for its model, and random settings of the command line."""
        parser = OverridesParser.create(config_loader=self.hydra.config_loader)
        searches: dict[tuple[str, ...], list[Override]] = {}
        for job in grid:
            files = tuple(one for one in job if override_key(one) in ("model", *RECIPES) or own_recipe(one))
            if files not in searches:
                composed = self.hydra.config_loader.load_sweep_config(config, list(files))
                own = [f"{key}={value}" for key, value in (composed.hydra.sweeper.params or {}).items()]
                searches[files] = parser.parse_overrides(own)
            given = {override_key(one): one.partition("=")[2] for one in job}
            job += draws.drawn([*searches[files], *typed], given)

    def _check_job(self, config: DictConfig, overrides: list[str]) -> list[str]:
        """Its overrides as a run's folder lists them."""
        job = self.hydra.config_loader.load_sweep_config(config, overrides)
        self.built(job)
        return list(job.hydra.overrides.task)

    def _constants(self, config: DictConfig) -> list[str]:
        """The overrides that a search gives to all its jobs."""
        parser = OverridesParser.create(config_loader=self.hydra.config_loader)
        given = names.typed(config.hydra.overrides.task)
        return [one for one in given if not parser.parse_override(one).is_sweep_override()]

    def _check_search(self, config: DictConfig) -> None:
        """A search chooses its jobs as it goes, by the value that each returns."""
        if getattr(self.built(config).metrics, "best", None) is None:
            option = config.hydra.runtime.choices.metrics
            raise UserError(f"a search needs a metric to optimise, and metrics={option} has none")


def _check_components(cfg: DictConfig) -> None:
    whole = {field.name for field in dataclasses.fields(Config)}  # the other groups are parts of these
    for name, node in cfg.logger.items():
        if not _is_typed(node):
            raise UserError(
                f"logger.{name} has no type: its YAML file begins with"
                f"\n  defaults:\n    - /schema/logger@{name}: module.Class\n    - _self_"
            )
    for group in components.PACKAGES:
        if group not in whole or group == "logger" or OmegaConf.is_missing(cfg, group):
            continue
        if cfg.get(group) is None:
            raise UserError(
                f"a run needs {group}: {group}=OPTION" + (" (metrics=none)" * (group == "metrics"))
            )
        if not _is_typed(cfg[group]):
            raise UserError(
                f"{group} has no type: its YAML file begins with"
                f"\n  defaults:\n    - /schema/{group}@_here_: module.Class\n    - _self_"
            )


def _resume(config: DictConfig, checkpoint: Path | None) -> None:
    """Put the file that `resume` was found to mean into the settings, in place of what it was called."""
    others = [one for one in config.hydra.overrides.task if override_key(one) != "resume"]
    named = [] if checkpoint is None else [f"resume={resume.quoted(checkpoint)}"]
    config.resume = None if checkpoint is None else str(checkpoint)
    with read_write(config.hydra):
        config.hydra.overrides.task = [*others, *named]


def _is_typed(node: Any) -> bool:
    return isinstance(node, DictConfig) and dataclasses.is_dataclass(OmegaConf.get_type(node))


def _check_continuous(override: Override) -> None:
    if override.is_sweep_override() and not override.is_discrete_sweep():
        raise UserError(
            f"{override.input_line} is for a search (hparams_search=optuna); a grid takes values: a,b,c, and\n  tag(random, interval(a, b)) one for every seed"
        )


def _values(override: Override) -> list[str]:
    """The values of a sweep; of more than MOST_JOBS the first."""
    return list(itertools.islice(override.sweep_string_iterator(), MOST_JOBS + 1))


def _outputs(config: DictConfig) -> Path:
    """Where runs are written; raises UserError where that is nowhere."""
    for name in ("data", "outputs"):
        place = _place(f"paths.{name}", (config.get("paths") or {}).get(name))
    return place


def _run_folder(config: DictConfig) -> Path:
    """Where the settings put a run; the default reads settings that Hydra sets only when it runs."""
    state = HydraConfig.instance()
    before = state.cfg
    state.set_config(config)
    try:
        return _place("hydra.run.dir", config.hydra.run.dir)
    finally:
        state.cfg = before


def _place(key: str, value: str | None) -> Path:
    """A folder to write to; raises UserError where that is nowhere."""
    if not value:
        raise UserError(f"{key} has no value; give it as {key}=FOLDER")
    return Path(value)
