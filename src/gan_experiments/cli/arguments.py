"""The command line before Hydra reads it: flags and overrides in any order, a run to resume, early mistakes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.utils import get_args_parser

from gan_experiments.cli import resume
from gan_experiments.cli.catalogue import Catalogue, override_key
from gan_experiments.errors import UserError, did_you_mean

NO_SETTING = "'{}' is no setting; settings are written key=value"


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
    for folder in filter(None, os.environ.get("GAN_CONF", "").split(os.pathsep)):
        if not os.path.isdir(folder):
            raise UserError(f"GAN_CONF: there is no folder {folder}")
    parser = get_args_parser()
    parser.error = _error  # type: ignore[method-assign]
    known = parser.parse_intermixed_args(argv)
    flags = list(argv)
    for override in known.overrides:
        flags.remove(override)
    overrides = [one for override in known.overrides for one in _together(override)]
    overrides = [_without_plus(override, catalogue) for override in overrides]
    overrides = [override for override in overrides if not _says_nothing(override, catalogue)]
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


def _together(override: str) -> list[str]:
    """`metrics=inception+lenet`, several feature networks over one pass of images, as Hydra writes it."""
    group, _, names = override.partition("=")
    if group != "metrics" or "+" not in names or "," in names:
        return [override]
    parts = dict.fromkeys(names.split("+"))
    return ["metrics=several", *(f"+metrics@metrics.parts.{name}={name}" for name in parts)]


def _without_plus(override: str, catalogue: Catalogue) -> str:
    # Hydra's own documents write +experiment=x; for a group of the defaults list it is an error.
    return override[1:] if override[:1] == "+" and override_key(override) in catalogue.defaults else override


def _says_nothing(override: str, catalogue: Catalogue) -> bool:
    """Whether an override chooses no option for a group that has none by default: Hydra would refuse it."""
    group, _, option = override.partition("=")
    return option == "null" and group in catalogue.defaults and catalogue.defaults[group].value == "null"


def _check_form(override: str, catalogue: Catalogue) -> None:
    key, equals, value = override.partition("=")
    if equals and key in catalogue.groups and re.fullmatch(r"null|true|false|[\d.+-]*", value, re.IGNORECASE):
        listed = ", ".join(catalogue.groups[key])
        raise UserError(f"there is no {override}. Options: {listed}")  # Hydra would not name the group
    if equals or override.startswith("~"):
        return
    for group, options in catalogue.groups.items():
        if override in options:
            raise UserError(f"{NO_SETTING.format(override)}\n  Did you mean '{group}={override}'?")
    names = [*catalogue.groups, *(setting.name for setting in catalogue.keys)]
    if override in names:
        raise UserError(f"{override} has no value: write {override}=VALUE")
    raise UserError(NO_SETTING.format(override) + did_you_mean(override, names))


def _check_groups_once(overrides: list[str], catalogue: Catalogue) -> None:
    first: dict[str, str] = {}
    for override in overrides:
        group = override_key(override)
        if group in catalogue.groups:
            if group in first:
                raise UserError(f"{group} is given twice: {first[group]} and {override}")
            first[group] = override
