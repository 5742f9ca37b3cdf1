"""`resume=`: a run goes on in its folder with its own overrides, and new ones win.

A run's folder may be a stranger's: of what it says only settings that the schema knows are replayed, and nothing in it
may lead out of it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig

from gan_experiments.cli.catalogue import Catalogue, override_key, own_recipe
from gan_experiments.errors import UserError
from gan_experiments.locking import refuse_if_locked
from gan_experiments.runs import RunFolder, relative

AUTO = "auto"
LAST = Path("checkpoints/last.pt")
OVERRIDES = Path(".hydra/overrides.yaml")
HYDRA = OVERRIDES.with_name("hydra.yaml")
# settings that may name a place beside the old folder
PLACES = ("data.path", "paths.data", "metrics.weights", "init.checkpoint")
LARGEST = 100_000  # bytes of a settings file


def continued(given: list[str], flags: argparse.Namespace, catalogue: Catalogue) -> list[str]:
    """The overrides with those of the run that `resume=` names.

    Raises UserError where there is nothing to resume, or where the run says what cannot be replayed.
    """
    new = [override for override in given if override_key(override) != "resume"]
    values = [_unquote(override.partition("=")[2]) for override in given if override not in new]
    if not values or values[-1] == "null":
        return new
    if not values[-1]:
        raise UserError("resume has no value; give it as resume=RUN")
    if flags.multirun:
        raise UserError(
            "resume=... continues one run; a sweep goes on when its command is repeated with sweep=NAME"
        )
    if values[-1] == AUTO:
        return [*new, f"resume={AUTO}"]
    checkpoint = _checkpoint(Path(values[-1]).expanduser())
    run = run_of(checkpoint)
    old = []
    if run is not None:
        check_enclosed(run)
        _check_config_dir(run, flags.config_dir)
        old = list(replayed(run, new, catalogue))
    return [*old, *new, f"resume={quoted(checkpoint)}"]


def located(config: DictConfig) -> tuple[Path | None, Path | None, str | None]:
    """What composed settings resume: the checkpoint, the run's folder if it lies in one, and what to tell.

    `resume=auto` takes the newest unfinished run with the same overrides; where hydra.run.dir is named, the run in it.
    """
    checkpoint = None if config.get("resume") is None else Path(config.resume)
    if config.get("resume") == AUTO:
        run = _newest(config)
        if run is None:
            return None, None, "resume=auto: no unfinished run with these settings, so this is a fresh start"
        checkpoint = run / LAST
    if checkpoint is None:
        return None, None, None
    run = run_of(checkpoint)
    if run is not None:
        check_enclosed(run)
        refuse_if_locked(run)
    return checkpoint, run, f"Resuming from {relative(checkpoint)}"


def check_unused(folder: Path) -> None:
    """Raise UserError where another run would be written over."""
    if (folder / LAST).is_file():
        raise UserError(
            f"hydra.run.dir={folder} has a run in it: resume={folder} goes on with it, another folder starts anew"
        )


def check_enclosed(run: Path) -> None:
    """Raise UserError where writing into a run's folder would write elsewhere, or wait for ever."""
    for path in (path for pattern in ("*", "*/*") for path in run.glob(pattern)):
        if path.is_symlink() and not path.resolve().is_relative_to(run.resolve()):
            raise UserError(
                f"{path} is a link that leads out of the run's folder, so the run cannot go on there"
            )
        if not (path.is_file() or path.is_dir()):
            raise UserError(f"{path} is neither a file nor a folder, so the run cannot go on there")


def overrides(run: Path) -> list[str]:
    """The overrides that a run was started with, without those that name a resumption or a sweep.

    Raises UserError where they cannot be read.
    """
    lines = read_plain(run / OVERRIDES)
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise UserError(f"{run / OVERRIDES} is no list of settings")
    return [line for line in lines if override_key(line) not in ("resume", "sweep")]


def run_of(checkpoint: Path) -> Path | None:
    """The run folder that a checkpoint file lies in, or None for a checkpoint elsewhere."""
    folder = checkpoint.parent.parent
    return folder if (folder / OVERRIDES).exists() else None


def replayed(run: Path, new: list[str], catalogue: Catalogue) -> Iterator[str]:
    """The overrides of a run that is resumed where none in `new` replaces them: nothing but settings of a run.

    Raises UserError for those that are not.
    """
    hydra = read_plain(run / HYDRA)
    replaced = {override_key(override) for override in new}
    for line in overrides(run):
        if override_key(line) in replaced or override_key(line) == "hparams_search" or own_recipe(line):
            continue  # what a search chose is said besides
        try:
            override = OverridesParser.create().parse_override(line)
        except (HydraException, RecursionError):
            override = None
        if override is None or not _known(override, catalogue):
            raise UserError(f"{run / OVERRIDES}: {line[:200]!r} is no setting of a run, and is not replayed")
        if override.key_or_group != "paths.outputs":
            yield _anchored(line, override, hydra)


def _check_config_dir(run: Path, config_dir: str | None) -> None:
    recorded = _config_dir(read_plain(run / HYDRA))
    if recorded is not None and config_dir is None:
        raise UserError(
            f"{run} was started with the config folder {recorded!r}; if you trust it, say so again: -cd FOLDER"
        )


def _known(override: Override, catalogue: Catalogue) -> bool:
    """Whether an override sets something in the schema, or chooses an option that the config folders have."""
    key, package = override.key_or_group, override.package
    roots = {"seed", "train", "paths", "init", *catalogue.defaults}
    if override.is_sweep_override() or runs_code(override.input_line or ""):
        return False
    if package is not None and package.partition(".")[0] not in roots:
        return False
    if key in catalogue.groups or "/" in key:
        chosen = override.value()
        options = catalogue.groups.get(key, {})
        return override.is_delete() or (isinstance(chosen, str) and chosen in options)
    return key.partition(".")[0] in roots and package is None


def runs_code(text: str) -> bool:
    """Whether a setting calls a resolver: `${oc.env:HOME}`; `${train.steps}` does not."""
    return re.search(r"\$\{[^}]*:", text) is not None


def _anchored(line: str, override: Override, hydra: Any) -> str:
    """A setting that names a place, as seen from the folder where the run was started."""
    value = override.value()
    start = _select(hydra, "hydra", "runtime", "cwd")
    if override.key_or_group not in PLACES or not isinstance(value, str) or not isinstance(start, str):
        return line
    return f"{line.partition('=')[0]}={quoted(Path(start) / Path(value).expanduser())}"


def read_plain(path: Path) -> Any:
    """A small YAML file of plain values; None where there is none. Raises UserError for what is not that."""
    if not path.exists():
        return None
    if not path.is_file() or path.stat().st_size > LARGEST:
        raise UserError(f"{path} is no file of settings")
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        raise UserError(f"{path} cannot be read as YAML") from error


def _select(node: Any, *keys: str) -> Any:
    for key in keys:
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _checkpoint(path: Path) -> Path:
    if path.is_dir():
        if not (path / LAST).is_file():
            raise UserError(f"resume={path}: there is no {LAST} in this folder, so nothing to resume")
        return (path / LAST).absolute()
    if not path.is_file():
        raise UserError(f"resume={path}: there is no such run folder or checkpoint file")
    return path.absolute()


def _newest(config: DictConfig) -> Path | None:
    choices = config.hydra.runtime.choices
    mine = _same(list(config.hydra.overrides.task))
    named = any(override_key(one) == "hydra.run.dir" for one in config.hydra.overrides.hydra)
    usual = Path(config.paths.outputs).glob(f"{choices.model}-{choices.data}/*/")
    runs = [Path(config.hydra.run.dir)] if named else usual
    for run in sorted(runs, key=_last_active, reverse=True):
        if not (run / LAST).is_file() or run_of(run / LAST) is None or _same(overrides(run)) != mine:
            continue
        if named or RunFolder(run).summary.get("status") != "finished":
            return run.resolve()
    return None


def _last_active(run: Path) -> float:
    checkpoint = run / LAST
    return checkpoint.stat().st_mtime if checkpoint.is_file() else 0.0


def _same(overrides: list[str]) -> list[str]:
    return sorted(override for override in overrides if override_key(override) != "resume")


def _config_dir(hydra: Any) -> str | None:
    """The folder that a run was given with --config-dir."""
    sources = _select(hydra, "hydra", "runtime", "config_sources")
    for source in sources if isinstance(sources, list) else ():
        if _select(source, "provider") == "command-line":
            return str(_select(source, "path"))
    return None


def quoted(value: Path | str) -> str:
    """A value that Hydra reads as it is."""
    return "'" + str(value).replace("'", "\\'") + "'"


def _unquote(value: str) -> str:
    return value[1:-1].replace("\\'", "'") if len(value) > 1 and value[0] == value[-1] in "'\"" else value
