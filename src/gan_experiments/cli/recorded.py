"""What a run was begun with, where today's recipes or classes would have it otherwise.

`resume=` composes a run's overrides anew, and recipes change. The run's own `.hydra/config.yaml` says what it was
begun with, and holds for all that no new override sets; like all of a run's folder, it may be a stranger's.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import omegaconf
import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_experiments import records
from gan_experiments.cli.catalogue import options
from gan_experiments.cli.resume import OVERRIDES, PLACES, quoted, read_plain, runs_code
from gan_experiments.errors import UserError
from gan_experiments.plain import plain
from gan_experiments.runs import RunFolder

CONFIG = OVERRIDES.with_name("config.yaml")
ABSENT = object()
ASIDE = ("hydra", "paths", "logger", "resume", "sweep", "hparams_search")  # what a run computes is the same


@dataclasses.dataclass
class Recorded:
    """Settings that go back to what they were, by dotted name, and the names of those that are none any more."""

    run: Path
    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    unknown: list[str] = dataclasses.field(default_factory=list)

    def put(self, config: DictConfig) -> None:
        """Set them in composed settings; raises UserError for what is no value of its setting."""
        for key, value in self.values.items():
            try:
                OmegaConf.update(config, key, value, merge=False)
            except OmegaConfBaseException as error:
                raise UserError(f"{self.run / CONFIG}: {key}: {str(error).splitlines()[0]}") from error

    def told(self) -> list[str]:
        """What to say of them, in lines."""
        values = " ".join(f"{key}={_said(value)}" for key, value in self.values.items())
        lines = [f"As it was begun, and not as in today's recipes: {values}"] if values else []
        if self.unknown:
            lines.append(f"Begun with settings that are none any more: {plain(' '.join(self.unknown))}")
        return lines

    def overrides(self) -> list[str]:
        """The values as Hydra reads them."""
        said = {
            key: quoted(one) if isinstance(one, str) else json.dumps(one) for key, one in self.values.items()
        }
        return [f"{key}={value}" for key, value in said.items()]

    def __bool__(self) -> bool:
        return bool(self.values or self.unknown)


def recorded(run: Path, today: DictConfig, config: DictConfig, new: set[str]) -> Recorded:
    """What of a run's recorded settings today's recipes would change.

    today: the run's own overrides, composed. config: the same with the new overrides, whose keys are `new`.
    Raises UserError where the run was begun with another option of a group, or with what is no value of a setting.
    """
    _check_options(run, today, config, new)
    content = read_plain(run / CONFIG)
    if not isinstance(content, dict):
        return Recorded(run)
    begun = dict(_leaves(content))
    now, resumed = (dict(_leaves(yaml.safe_load(OmegaConf.to_yaml(one)))) for one in (today, config))
    result = Recorded(run, unknown=[key for key in begun if key not in now and not _is_aside(key, new)])
    for key, value in now.items():
        before = begun.get(key, _default(today, key, value))
        untouched = key in resumed and resumed[key] == value and not _is_aside(key, new)
        if before != value and untouched:
            _check_value(run, key, before)
            result.values[key] = before
    return result


def changed(before: Mapping[str, Any], now: Mapping[str, Any], config: DictConfig) -> list[str]:
    """The groups and settings, by dotted name, that the records of two attempts at a job do not share.

    Of a setting that the earlier record lacks, because it did not exist, its class knows what it did by itself.
    """
    earlier = before.get("options", now["options"])  # the first versions did not record them
    chosen = _options(records.mapping(earlier)), _options(now["options"])
    filled = _filled(records.mapping(before.get("config")), now["config"], config)
    settings = [dict(_leaves(one)) for one in (filled, now["config"])]
    return [*_differing(*chosen), *_differing(*settings)]


def _differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    return [key for key in one | other if one.get(key, ABSENT) != other.get(key, ABSENT)]


def _filled(before: dict[str, Any], now: dict[str, Any], config: DictConfig) -> dict[str, Any]:
    """The settings of `before` with the defaults of those that it lacks and `now` has."""
    filled = {}
    for name, value in now.items():
        if isinstance(value, dict):
            filled[name] = _filled(records.mapping(before.get(name)), value, config[name])
        elif name not in before and (default := _default(config, name, ABSENT)) is not ABSENT:
            filled[name] = default
    return before | filled


def _check_options(run: Path, today: DictConfig, config: DictConfig, new: set[str]) -> None:
    now, resumed = (_options(one.hydra.runtime.choices) for one in (today, config))
    begun = _options(RunFolder(run).choices)
    if not begun:
        return
    words = []
    for group in sorted(begun | now):
        same = begun.get(group) == now.get(group) or now.get(group) != resumed.get(group)
        if not same and not _is_aside(group, new):
            plus = "" if group in now else "+"
            words.append(f"{plus}{group}={begun[group]}" if group in begun else f"~{group}")
    if words:
        raise UserError(
            f"{run} was begun with other options than today's recipes have; to go on as it began, say {' '.join(words)}"
        )


def _options(choices: Mapping[str, str | None]) -> dict[str, str]:
    chosen = {group: option for group, option in options(choices).items() if option != "null"}
    return {group: option for group, option in chosen.items() if not _is_aside(group, set())}


def _leaves(node: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested settings by their dotted names."""
    for name, value in node.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _is_aside(key: str, new: set[str]) -> bool:
    """Whether it does not matter what a run has recorded of a setting or group: elsewhere, or newly said."""
    parts = key.split(".")
    above = {".".join(parts[: count + 1]) for count in range(len(parts))}
    return key in PLACES or parts[0].partition("@")[0] in ASIDE or not above.isdisjoint(new)


def _default(settings: DictConfig, key: str, otherwise: Any) -> Any:
    """What a setting did before it existed: the default of its class, `otherwise` where only YAML files have one."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(settings, parent) if parent else settings
    kind = OmegaConf.get_type(node)
    fields = (
        {field.name: field for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else {}
    )
    default = fields[name].default if name in fields else dataclasses.MISSING
    return otherwise if default in (dataclasses.MISSING, omegaconf.MISSING) else default


def _check_value(run: Path, key: str, value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    if not all(one is None or isinstance(one, (bool, int, float, str)) for one in values) or any(
        isinstance(one, str) and runs_code(one) for one in values
    ):
        raise UserError(f"{run / CONFIG}: {key} has no value of a setting, and is not replayed")


def _said(value: Any) -> str:
    return plain(value if isinstance(value, str) else json.dumps(value))[:100]
