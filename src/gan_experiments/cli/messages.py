"""Hydra's, OmegaConf's and YAML's exceptions in the words of somebody who typed a command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import yaml
from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
    SearchPathException,
)
from omegaconf import DictConfig
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.errors import UserError, did_you_mean, refusal

PLUGINS = {
    "hydra/launcher/joblib": "joblib",
    "hydra/launcher/submitit_local": "submitit",
    "hydra/launcher/submitit_slurm": "submitit",
    "hydra/launcher/ray": "ray",
    "hydra/sweeper/optuna": "optuna",
}


def explain(error: BaseException, catalogue: Catalogue) -> str | None:
    """What the user did wrong, or None for an exception that is no mistake of the user's."""
    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, UserError):
            return str(cause)
    if any(isinstance(cause, RecursionError) for cause in chain):
        return "a config file's defaults lead back to itself, or a value is nested too deep"
    if isinstance(error, MissingConfigException):
        return _missing_config(error, catalogue)
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.partition("=")
        if foreign := sorted({letter for letter in value if not letter.isascii()}):
            letters = ", ".join(foreign)
            return f"cannot read '{error.override}'; a value with {letters} stands in quotes: '{key}=\"{value}\"'"
        return (
            f"cannot read '{error.override}'; a value with spaces, commas, quotes or brackets stands in quotes:"
            " 'key=\"value\"'"
        )
    if isinstance(error, SearchPathException):
        return re.sub(
            r"Additional config directory (.*) not found", r"there is no config folder \1", str(error)
        )
    for cause in chain:
        if isinstance(cause, yaml.MarkedYAMLError):
            return _yaml_error(cause)
        if isinstance(cause, OSError) and cause.errno:
            return f"{cause.filename}: {refusal(cause)}" if cause.filename else refusal(cause)
    for cause in chain:
        if isinstance(cause, OmegaConfBaseException) and cause.full_key not in (None, "", "_dummy_"):
            return _no_place(error, cause) or _prefix(error, cause) + _omegaconf_error(cause, catalogue)
    if isinstance(error, HydraException):
        return _hydra_error(str(error))
    if isinstance(error, UnicodeDecodeError) and (files := catalogue.unreadable_files()):
        return f"{files[0]} is not UTF-8 text"
    return str(error) if _raised_by_hydra(error) else None


def unknown_setting(where: str, key: str, known: Iterable[str]) -> str:
    """The message for a key that a node of the settings does not have."""
    names = sorted(set(known))
    listed = f"{where + ' has' if where else 'There are'}: {', '.join(names) or 'nothing'}"
    return f"there is no setting {where}{'.' if where else ''}{key}. {listed}" + did_you_mean(key, names)


def one_line(error: BaseException) -> str:
    """An exception as Python would show it in its last line."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _missing_config(error: MissingConfigException, catalogue: Catalogue) -> str:
    missing = error.missing_cfg_file or ""
    group, _, option = missing.rpartition("/")
    if missing in PLUGINS:
        return f'{group}={option} needs a plugin: pip install "gan-experiments[{PLUGINS[missing]}]"'
    if error.options is None and (file := re.match(r"In '(.*?)': ", str(error))):
        return f"{file[1]}.yaml: there is no {missing}.yaml" + did_you_mean(
            option, catalogue.groups.get(group, ())
        )
    if error.options is None:
        return f"there is no config {missing}.yaml in {', '.join(map(str, catalogue.folders))}"
    options = [name for name in error.options if not name.startswith("_")]
    listed = f"Options: {', '.join(options)}" if options else f"The group {group} has no options"
    files = [str(path) for path in catalogue.files_that_choose(group, option)]
    asked = f" (asked for in {', '.join(files)})" if files else ""
    return f"there is no {group}={option}{asked}. {listed}" + did_you_mean(option, options)


def _yaml_error(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    problem = error.problem or error.context or "this is no YAML"
    return f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}: {problem}" if mark else problem


def _no_place(error: BaseException, cause: OmegaConfBaseException) -> str | None:
    """For a component that a recipe or the command line adds where the model chosen has no such components."""
    added = re.match(r"In 'schema/(\w+)/", str(error))
    if added is None or not isinstance(cause, ConfigKeyError | ConfigAttributeError):
        return None
    where = str(cause.full_key).rpartition(".")[0]
    return f"a {added[1]} is added to {cause.full_key}, which the {where} chosen here does not have"


def _prefix(error: BaseException, cause: OmegaConfBaseException) -> str:
    """Where a wrong value stands: `model.lr=abc: ` on the command line, `model/mine.yaml: ` in a file."""
    wrong_key = isinstance(cause, ConfigKeyError | ConfigAttributeError)
    if file := re.match(r"In '(.*?)': ", str(error)):
        return f"{file[1]}.yaml: " if wrong_key else f"{file[1]}.yaml: {cause.full_key}: "
    override = re.match(r"Error merging override (.*)", str(error))
    return f"{override[1]}: " if override and not wrong_key else ""


def _omegaconf_error(error: OmegaConfBaseException, catalogue: Catalogue) -> str:
    key, node = str(error.full_key), error.parent_node
    where, _, last = key.rpartition(".")
    text = _first_line(error)
    if isinstance(error, ConfigKeyError | ConfigAttributeError):
        known = [str(name) for name in node] if isinstance(node, DictConfig) else []
        if not where:
            if nested := [
                name for name in known if isinstance(node[name], DictConfig) and last in node[name]
            ]:
                return f"there is no setting {last}\n  Did you mean '{nested[0]}.{last}'?"
            known = [name for name in [*known, *catalogue.groups] if name != "hydra" and "/" not in name]
        return unknown_setting(where, last, known) + component_to_add(where, last, catalogue)
    if isinstance(error, MissingMandatoryValue):
        if key in catalogue.groups:
            return f"{key} is not chosen. Options: {', '.join(catalogue.groups[key])}"
        return f"{key} has no value; give it as {key}=VALUE or in a YAML file"
    if isinstance(error, ValidationError):
        if isinstance(error.child_node, DictConfig):
            return f"{key} is no single value; it has: {', '.join(map(str, error.child_node))}"
        if error.value == {}:
            return f"{key} is a single value and has no settings of its own"
        if "is not a ListConfig" in text:
            return f"this is a list, '{key}=[{error.value}]'"
        return text
    return f"{key}: {text}"


def component_to_add(where: str, name: str, catalogue: Catalogue) -> str:
    """How to add the component `name` to a model's dictionary of components, if there is one of that name."""
    for group, options in catalogue.groups.items():
        if where and group not in catalogue.defaults and "/" not in group and name in options:
            return f"\n  Add it with +{group}@{where}.{name}={name}"
    return ""


def _hydra_error(text: str) -> str:
    """Messages of Hydra's composition that carry no structure."""
    if match := re.match(r"Ambiguous value for argument '(.*)'", text):
        return f"{match[1]} gives several values: add -m for a job with each (or write key=[a,b] for a list)"
    if match := re.match(r"Sweep parameters '(.*)' requires --multirun", text):
        return f"{match[1]} gives several values: add -m for a job with each"
    if match := re.match(r"Error resolving interpolation '(.*?)'", text):
        return f"there is nothing that {match[1]} could refer to"
    if match := re.match(r"Could not delete from config. '(.*)' does not exist", text):
        return f"~{match[1]}: there is no setting {match[1]} to take away"
    if match := re.match(r"(?:Multiple values for )?schema/(\w+)@([\w.]*\w)", text):
        return (
            f"{match[2]} is given two classes; it takes one option, and a YAML file that builds on another one ends"
            f" its defaults with\n    - override /schema/{match[1]}@_here_: module.Class"
        )
    if "'head@model.head'" in text:
        return (
            "head@model.head: this model takes no head, the last layer of a discriminator that gives each image one"
            " score; here patches, codes or images with their codes are judged, or nothing is"
        )
    if match := re.search(r"(?:Could not override|No earlier Group Default for) '(.*?)'", text):
        file = re.match(r"In '(.*?)': ", text)
        message = f"{file[1]}.yaml: " if file else ""
        message += f"there is no {match[1]} to override"
        overlay = match[1].partition("@")[2].partition(".")[0]
        if overlay and file and file[1].startswith(f"{overlay}/"):
            message += "\n  The first line of such a file is '# @package _global_'"
        return message
    lines = [line for line in text.splitlines() if line.strip() and "hydra.cc" not in line]
    return "\n".join(lines)


def _raised_by_hydra(error: BaseException) -> bool:
    """Whether the innermost frame is Hydra's or of what it calls: what they were given was wrong."""
    traceback = error.__traceback__
    package = ""
    while traceback is not None:
        package = str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        traceback = traceback.tb_next
    return package in ("hydra", "hydra_plugins", "omegaconf", "yaml", "optuna")


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
