"""What Hydra does with settings that were checked: show them, run one job, run a sweep's jobs."""

from __future__ import annotations

from typing import Any

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.plugins import Plugins
from hydra.core.utils import configure_log, run_job
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, read_write

from gan_experiments.cli import catalogue, jobs, names
from gan_experiments.cli.arguments import Arguments
from gan_experiments.cli.catalogue import override_key
from gan_experiments.cli.checks import SinglePlan, SweepPlan
from gan_experiments.cli.resume import quoted


def look(hydra: Hydra, config_name: str, arguments: Arguments) -> None:
    """Hydra's own views of the settings; nothing is written."""
    flags, overrides = arguments.flags, arguments.overrides
    if flags.cfg:
        hydra.show_cfg(config_name, overrides, flags.cfg, flags.package, flags.resolve)
        print(f"# options: {options(hydra, config_name, overrides)}")
    elif flags.hydra_help:
        hydra.hydra_help(config_name, get_args_parser(), flags)
    elif flags.info:
        hydra.show_info(flags.info, config_name, overrides)
    else:
        hydra.shell_completion(config_name, overrides)


def options(hydra: Hydra, config_name: str, overrides: list[str]) -> str:
    """`data=mnist loss=hinge ...`: those that have no settings are not to be seen in a config."""
    config = hydra.compose_config(config_name, overrides, RunMode.RUN, with_log_configuration=False)
    own = catalogue.options(config.hydra.runtime.choices)
    return " ".join(f"{group}={own[group]}" for group in sorted(own))


def run(hydra: Hydra, plan: SinglePlan, job: jobs.Job) -> None:
    """Run the job that was checked in its folder."""
    config, folder = plan.config, plan.folder
    if plan.fresh:
        folder = jobs.free_folder(folder)
    if plan.message:
        print(plan.message)
    own = config.hydra
    with read_write(own):
        others = [one for one in own.overrides.hydra if override_key(one) != "hydra.run.dir"]
        own.overrides.hydra = [*others, "hydra.mode=RUN", f"hydra.run.dir={quoted(folder)}"]
        own.mode, own.run.dir = RunMode.RUN, str(folder)
    context = _started(hydra, config)
    context.callbacks.on_run_start(config=config, config_name=plan.config_name)
    done = run_job(job, config, job_dir_key="hydra.run.dir", job_subdir_key=None, hydra_context=context)
    context.callbacks.on_run_end(config=config, config_name=plan.config_name, job_return=done)
    _ = done.return_value  # raises what the job has


def launch(hydra: Hydra, plan: SweepPlan, job: jobs.Job) -> None:
    """Run the jobs that were checked, or a search, through Hydra's launcher."""
    config, folder = plan.config, plan.sweep.folder
    if plan.fresh:
        folder = plan.sweep.folder = jobs.free_folder(folder)
    names.keep(folder, plan.common)
    config.hydra.sweep.dir = str(folder)
    config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quoted(folder)}")
    context = _started(hydra, config)
    context.callbacks.on_multirun_start(config=config, config_name=plan.config_name)
    sweeper = Plugins.instance().instantiate_sweeper(config=config, hydra_context=context, task_function=job)
    if plan.jobs:  # a grid: the jobs that were checked are those that run
        grid: Any = sweeper
        chunks = list(grid.split_overrides_to_chunks(plan.jobs, grid.max_batch_size))
        grid.split_arguments = lambda *_: chunks
        grid.validate_batch_is_legal = lambda _: None
    sweeper.sweep(arguments=list(config.hydra.overrides.task))
    context.callbacks.on_multirun_end(config=config, config_name=plan.config_name)


def _started(hydra: Hydra, config: DictConfig) -> HydraContext:
    """What jobs with these settings run in; Hydra's own messages are logged as the settings say."""
    configure_log(config.hydra.hydra_logging, config.hydra.verbose)
    return HydraContext(config_loader=hydra.config_loader, callbacks=Callbacks(config))
