"""The command line before Hydra reads it: flags and overrides in any order, a run to resume, early mistakes."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser

from gan_experiments.cli import resume
from gan_experiments.cli.catalogue import PLACES, RECIPES, Catalogue, override_key
from gan_experiments.cli.messages import unknown_setting
from gan_experiments.errors import UserError, did_you_mean

NO_SETTING = "'{}' is no setting; settings are written key=value"


@dataclass
class Arguments:
    """A command line: Hydra's flags, and the overrides in their order."""

    flags: argparse.Namespace
    overrides: list[str]

    @property
    def untyped(self) -> bool:
        """Whether nothing is checked, so that component classes (and torch) need not be imported."""
        return bool(self.flags.shell_completion or self.flags.hydra_help or self.flags.info)

    @property
    def looks(self) -> bool:
        """Whether settings are shown and nothing runs."""
        return self.untyped or self.flags.cfg is not None


def parse(argv: list[str], catalogue: Catalogue) -> Arguments:
    """Read a command line whose groups and keys are `catalogue`'s; raises UserError."""
    if sys.version_info >= (3, 14):  # Hydra 1.3's lazy help text fails a check that is new there
        argparse.ArgumentParser._check_help = lambda self, action: None  # type: ignore[attr-defined]
    for folder in filter(None, os.environ.get("GAN_CONF", "").split(os.pathsep)):
        if not os.path.isdir(folder):
            raise UserError(f"GAN_CONF: there is no folder {folder}")
    if foreign := [word for word in argv if not _is_text(word)]:
        raise UserError(
            f"'{foreign[0]}' is not UTF-8 text: a link of another name leads to such a folder too"
        )
    parser = get_args_parser()
    parser.error = _error  # type: ignore[method-assign]
    flags = parser.parse_intermixed_args(argv)
    _check_flags(flags)
    overrides = [_without_plus(override, catalogue) for override in flags.overrides]
    overrides = [override for override in overrides if not _says_nothing(override, catalogue)]
    if not flags.shell_completion:
        for override in overrides:
            check_form(override, catalogue)
            if flags.config_name is None:
                _check_known(override, catalogue)
        _check_groups_once(overrides, catalogue)
        overrides = expanded(resume.continued(overrides, flags, catalogue), catalogue)
    return Arguments(flags, overrides)


def expanded(overrides: list[str], catalogue: Catalogue) -> list[str]:
    """Overrides as Hydra understands them: an experiment's recipe for the model, lists of metrics, `init=RUN`.

    What is swept is left as it is, to be expanded in each of the jobs.
    """
    overrides = [re.sub(r"^init=", "init.checkpoint=", override) for override in overrides]
    return _several_metrics(overrides, catalogue) + _own_recipe(overrides, catalogue)


def _own_recipe(overrides: list[str], catalogue: Catalogue) -> list[str]:
    """`+experiment/mnist=gan` for `experiment=mnist model=gan`, where there is such a file; searches likewise."""
    typed = {override_key(one): one.partition("=")[2] for one in overrides}
    chosen = {group: setting.value for group, setting in catalogue.defaults.items()} | typed
    groups = [f"{group}/{chosen.get(group)}" for group in RECIPES]
    return [
        f"+{group}={chosen['model']}"
        for group in groups
        if group not in typed and chosen.get("model") in catalogue.groups.get(group, ())
    ]


def _several_metrics(overrides: list[str], catalogue: Catalogue) -> list[str]:
    """`metrics=[lenet,inception]`, several feature networks over one pass of images, as parts of one component."""
    names = next((_names(one) for one in overrides if one.startswith("metrics=[")), None)
    if names is None:
        return overrides
    chosen = ["metrics=several", *(f"+metrics@metrics.parts.{name}={name}" for name in names)]
    keys = {name: catalogue.option_keys("metrics", name) for name in names}
    others = [one for one in overrides if not one.startswith("metrics=[")]
    return chosen + to_parts(others, keys)


def _names(override: str) -> list[str] | None:
    names = OverridesParser.create().parse_override(override).value()
    lists = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    return list(dict.fromkeys(names)) if lists else None  # type: ignore[arg-type]


def to_parts(overrides: list[str], parts: Mapping[str, Collection[str]]) -> list[str]:
    """`metrics.samples=9` as a setting of each of several metrics, by name with their keys, that has such a one.

    Raises UserError for weights that more than one could take.
    """
    result = []
    for override in overrides:
        group, _, key = override_key(override).partition(".")
        if group != "metrics" or not key or key.startswith("parts."):
            result.append(override)
            continue
        takers = [name for name, keys in parts.items() if key in keys] or list(parts)  # the latter refuse it
        if key == "weights" and len(takers) > 1:
            each = " ".join(f"metrics.parts.{name}.weights=FILE" for name in takers)
            raise UserError(f"{override}: more than one of these networks has weights; write {each}")
        result += [override.replace("metrics.", f"metrics.parts.{name}.", 1) for name in takers]
    return result


def _is_text(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:  # bytes of a file's name
        return False
    return True


def _error(message: str) -> NoReturn:
    raise UserError(message)


def _check_flags(flags: argparse.Namespace) -> None:
    modes = ("run", "cfg", "multirun", "shell_completion", "info", "hydra_help")
    given = [f"--{mode.replace('_', '-')}" for mode in modes if getattr(flags, mode)]
    if len(given) > 1:
        raise UserError(f"{' and '.join(given)} exclude each other")
    if flags.resolve and not flags.cfg:
        raise UserError("--resolve belongs to --cfg")
    if flags.config_path or flags.experimental_rerun:
        raise UserError(
            "--config-path and --experimental-rerun are not for this command: -cd FOLDER, resume=RUN"
        )
    if flags.shell_completion and "query" in " ".join(flags.overrides) and "COMP_LINE" not in os.environ:
        raise UserError('-sc query=... is for the shell itself: eval "$(gan-train -sc install=bash)"')


def _without_plus(override: str, catalogue: Catalogue) -> str:
    # Hydra's own documents write +experiment=x; for a group of the defaults list it is an error.
    return override[1:] if override[:1] == "+" and override_key(override) in catalogue.defaults else override


def _says_nothing(override: str, catalogue: Catalogue) -> bool:
    """Whether an override chooses no option for a group that has none by default: Hydra would refuse it."""
    group, _, option = override.partition("=")
    return option == "null" and group in catalogue.defaults and catalogue.defaults[group].value == "null"


def check_form(override: str, catalogue: Catalogue) -> None:
    """Raise UserError for what Hydra would refuse in words of its own."""
    key, equals, value = override.partition("=")
    if (
        equals
        and key in catalogue.groups
        and re.fullmatch(r"null|true|false|\[\]|[\d.+-]*", value, re.IGNORECASE)
    ):
        listed = ", ".join(catalogue.groups[key])
        raise UserError(f"there is no {override}. Options: {listed}")  # Hydra would not name the group
    if equals and _is_part(group := override_key(override), catalogue):
        place = PLACES.get(group, f"+{group}@KEY={{}}")
        raise UserError(f"{group} is part of another option: {place.format(value)}")
    if override.startswith("~hydra"):
        raise UserError(f"{override}: a run cannot do without Hydra's own settings")
    if equals or override.startswith("~"):
        return
    for group, options in catalogue.groups.items():
        if override in options:
            raise UserError(f"{NO_SETTING.format(override)}\n  Did you mean '{group}={override}'?")
    names = [*catalogue.groups, *(setting.name for setting in catalogue.keys)]
    if override in names:
        raise UserError(f"{override} has no value: write {override}=VALUE")
    raise UserError(NO_SETTING.format(override) + did_you_mean(override, names))


def _check_known(override: str, catalogue: Catalogue) -> None:
    """Refuse, before composing imports torch, a misspelt part of the settings."""
    place = re.match(r"(\w+)[.=]", override)
    names = [*catalogue.groups, *(setting.name for setting in catalogue.keys)]
    known = {re.split(r"[./]", name)[0] for name in names}
    deeper = {name.rpartition(".")[2] for name in names}  # of which there is more to say
    if place and place[1] not in known | deeper | {"hydra"} and did_you_mean(place[1], known):
        raise UserError(unknown_setting("", place[1], known))


def _is_part(group: str, catalogue: Catalogue) -> bool:
    """Whether the options of a group are components in a dictionary of another one's (`model.penalties`)."""
    return group in catalogue.groups and group not in catalogue.defaults and "/" not in group


def _check_groups_once(overrides: list[str], catalogue: Catalogue) -> None:
    first: dict[str, str] = {}
    for override in overrides:
        group = override_key(override)
        if group in catalogue.groups:
            if group in first:
                raise UserError(f"{group} is given twice: {first[group]} and {override}")
            first[group] = override
