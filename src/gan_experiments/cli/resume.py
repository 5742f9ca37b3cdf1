"""`resume=`: a run goes on in its folder with its own overrides, and new ones win."""

from __future__ import annotations

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf, open_dict

from gan_experiments.cli.catalogue import override_key
from gan_experiments.errors import UserError
from gan_experiments.runs import RunFolder

AUTO = "auto"
LAST = Path("checkpoints/last.pt")


def continued(given: list[str], multirun: bool, config_dir: str | None) -> tuple[list[str], list[str]]:
    """The overrides with those of the run that `resume=` names, and the flags that run was started with.

    Raises UserError where there is nothing to resume.
    """
    new = [override for override in given if override_key(override) != "resume"]
    values = [_unquote(override.partition("=")[2]) for override in given if override not in new]
    if not values or values[-1] in ("", "null"):
        return new, []
    if multirun:
        raise UserError(
            "resume=... continues one run; a sweep goes on when its command is repeated with sweep=NAME"
        )
    if values[-1] == AUTO:
        return [*new, f"resume={AUTO}"], []
    checkpoint = _checkpoint(Path(values[-1]).expanduser())
    run = run_of(checkpoint)
    keys = {override_key(override) for override in new}
    old = [override for override in overrides(run) if override_key(override) not in keys] if run else []
    flags = ["--config-dir", own] if run and not config_dir and (own := _config_dir(run)) else []
    return [*old, *new, f"resume={_quote(str(checkpoint))}"], flags


def locate(config: DictConfig) -> str | None:
    """Point a composed run at what it resumes: its folder becomes that run's, `resume` the checkpoint file.

    `resume=auto` takes the newest unfinished run with the same overrides, or none. Returns what to tell. Raises
    UserError where another run would be written over.
    """
    message = None
    if config.resume == AUTO:
        found = _newest_unfinished(config)
        config.resume = None if found is None else str(found / LAST)
        message = "resume=auto: no unfinished run with these settings, so this is a fresh start"
    run = None
    if config.resume is not None:
        run = run_of(Path(config.resume))
        message = f"Resuming from {shown(Path(config.resume))}"
    if run is None:
        _check_unused(_new_folder(config))
    else:
        with open_dict(config.hydra.run):
            config.hydra.run.dir = str(run)
    return message


def _new_folder(config: DictConfig) -> Path:
    """Where Hydra will run this; its default name reads settings that Hydra sets only then."""
    state = HydraConfig.instance()
    before = state.cfg
    state.set_config(config)
    try:
        return Path(config.hydra.run.dir)
    finally:
        state.cfg = before


def _check_unused(folder: Path) -> None:
    if (folder / LAST).is_file():
        raise UserError(
            f"hydra.run.dir={folder} has a run in it: resume={folder} goes on with it, another folder starts anew"
        )


def shown(path: Path) -> str:
    """A path as the user would type it: relative where it lies below the current folder."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def overrides(run: Path) -> list[str]:
    """The overrides that a run was started with, without those that name a resumption or a sweep."""
    lines = OmegaConf.to_container(OmegaConf.load(run / ".hydra" / "overrides.yaml"))
    return [str(line) for line in lines or () if override_key(str(line)) not in ("resume", "sweep")]


def run_of(checkpoint: Path) -> Path | None:
    """The run folder that a checkpoint file lies in, or None for a checkpoint elsewhere."""
    folder = checkpoint.parent.parent
    return folder if (folder / ".hydra" / "overrides.yaml").is_file() else None


def _checkpoint(path: Path) -> Path:
    if path.is_dir():
        if not (path / LAST).is_file():
            raise UserError(f"resume={path}: there is no {LAST} in this folder, so nothing to resume")
        return (path / LAST).resolve()
    if not path.is_file():
        raise UserError(f"resume={path}: there is no such run folder or checkpoint file")
    return path.resolve()


def _newest_unfinished(config: DictConfig) -> Path | None:
    choices = config.hydra.runtime.choices
    mine = _same(list(config.hydra.overrides.task))
    runs = Path(config.paths.outputs).glob(f"{choices.model}-{choices.data}/*/")
    for run in sorted(runs, key=_last_active, reverse=True):
        unfinished = (run / LAST).is_file() and RunFolder(run).summary.get("status") != "finished"
        if unfinished and run_of(run / LAST) is not None and _same(overrides(run)) == mine:
            return run.resolve()
    return None


def _last_active(run: Path) -> float:
    checkpoint = run / LAST
    return checkpoint.stat().st_mtime if checkpoint.is_file() else 0.0


def _same(overrides: list[str]) -> list[str]:
    return sorted(override for override in overrides if override_key(override) != "resume")


def _config_dir(run: Path) -> str | None:
    """The folder that the run was given with --config-dir."""
    hydra = OmegaConf.load(run / ".hydra" / "hydra.yaml")
    sources = OmegaConf.select(hydra, "hydra.runtime.config_sources", default=[])
    return next((source.path for source in sources if source.provider == "command-line"), None)


def _quote(value: str) -> str:
    return "'" + value.replace("'", "\\'") + "'"


def _unquote(value: str) -> str:
    return value[1:-1].replace("\\'", "'") if len(value) > 1 and value[0] == value[-1] in "'\"" else value
