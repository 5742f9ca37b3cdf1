"""The command line before Hydra reads it: flags and overrides in any order, a run to resume, early mistakes."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from gan_experiments.cli import resume
from gan_experiments.cli.catalogue import Catalogue, override_key
from gan_experiments.errors import UserError, did_you_mean


@dataclass
class Arguments:
    """A command line in the order that Hydra wants: flags first, then overrides."""

    flags: list[str]
    overrides: list[str]
    untyped: bool  # nothing will run, so that component classes (and torch) need not be imported


def parse(argv: list[str], catalogue: Catalogue) -> Arguments:
    """Read a command line whose groups and keys are `catalogue`'s; raises UserError."""
    if sys.version_info >= (3, 14):  # Hydra 1.3's lazy help text fails a check that is new there
        argparse.ArgumentParser._check_help = lambda self, action: None  # type: ignore[attr-defined]
    parser = get_args_parser()
    parser.error = _error  # type: ignore[method-assign, assignment]
    known = parser.parse_intermixed_args(argv)
    flags = list(argv)
    for override in known.overrides:
        flags.remove(override)
    overrides = [_plain_experiment(override) for override in known.overrides]
    untyped = bool(known.shell_completion or known.hydra_help or known.info)
    if not known.shell_completion:
        for override in overrides:
            _check_form(override, catalogue)
        _check_groups_once(overrides, catalogue)
        overrides, more_flags = resume.continued(overrides, known.multirun, known.config_dir)
        flags += more_flags
    return Arguments(flags, overrides, untyped)


def _error(message: str) -> NoReturn:
    raise UserError(message)


def _plain_experiment(override: str) -> str:
    # Hydra's own documents write +experiment=x; with `experiment: null` in the defaults list it is an error.
    return override[1:] if override.startswith("+experiment=") else override


def _check_form(override: str, catalogue: Catalogue) -> None:
    if "=" in override or override.startswith("~"):
        return
    for group, options in catalogue.groups.items():
        if override in options:
            raise UserError(f"'{override}' is no setting; settings are written key=value"
                            f"\n  Did you mean '{group}={override}'?")
    names = [*catalogue.groups, *(setting.name for setting in catalogue.keys)]
    if override in names:
        raise UserError(f"{override} has no value: write {override}=VALUE")
    raise UserError(f"'{override}' is no setting; settings are written key=value" + did_you_mean(override, names))


def _check_groups_once(overrides: list[str], catalogue: Catalogue) -> None:
    first: dict[str, str] = {}
    for override in overrides:
        group = override_key(override)
        if group in catalogue.groups:
            if group in first:
                raise UserError(f"{group} is given twice: {first[group]} and {override}")
            first[group] = override
