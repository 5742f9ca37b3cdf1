"""What the config folders offer, read as text: no composing, no torch, so that `--help` is immediate."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path


def conf_dir() -> Path:
    """The folder of the configs: inside an installed package, or at the top of the repository."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "conf"
    return installed if installed.is_dir() else package.parent.parent / "conf"


def override_key(override: str) -> str:
    """What an override sets: `model` for `model=san`, `+model=san` and `~model`."""
    return override.lstrip("+~").partition("=")[0]


def group_of(override: str) -> str:
    """`metrics` for `metrics.samples=9` and `+metrics@metrics.parts.lenet=lenet`."""
    return override_key(override).partition(".")[0].partition("@")[0]


RECIPES = ("experiment", "hparams_search")
"""The groups whose options may have files of their own for single models: `experiment/mnist/gan.yaml`."""


FOLLOW = (
    "hydra",
    "schema/",
    *(f"{group}/" for group in RECIPES),
)  # groups that follow from others, or Hydra's


def options(choices: Mapping[str, str | None]) -> dict[str, str]:
    """The option of every group that was chosen from, which a config does not say: `loss: hinge` is `{}` there."""
    return {group: option for group, option in choices.items() if option and not group.startswith(FOLLOW)}


def own_recipe(override: str) -> bool:
    """Whether an override was added to take what an option has for the model: `+experiment/mnist=gan`."""
    return override_key(override).partition("/")[0] in RECIPES and "/" in override_key(override)


@dataclass(frozen=True)
class Setting:
    """One key of a YAML file with the comment that stands behind it."""

    name: str
    value: str
    comment: str


FEATURE_NETWORKS = ("inception", "cifar", "lenet", "dinov2", "vgg16")
"""The options of metrics that measure any images, and several together."""
PLACES = {"head": "head@model.head={}", "penalty": "+penalty@model.penalties.{0}={0}"}
"""How an option is written of a group whose options are parts of others."""

_LINE = re.compile(r"^(?P<indent> *)(?P<key>[\w/]+):(?P<value>[^#]*)(?:#\s*(?P<comment>.*))?$")
_DEFAULT = re.compile(r"^ *- (?P<group>[\w/]+): *(?P<option>\S+)(?: *#\s*(?P<comment>.*))?$")


@dataclass(frozen=True)
class Catalogue:
    """The groups, options and keys of the primary config `name` in `folders`, the strongest folder first."""

    name: str
    folders: tuple[Path, ...]

    @classmethod
    def of(cls, name: str, argv: list[str]) -> Catalogue:
        """The folders of a command line: `-cd`, then `$GAN_CONF`, then the package's own."""
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        parser.add_argument("-cd", "--config-dir")
        own = parser.parse_known_args(argv)[0].config_dir
        folders = [own, *os.environ.get("GAN_CONF", "").split(os.pathsep)]
        return cls(name, (*(Path(folder) for folder in folders if folder), conf_dir()))

    @property
    def program(self) -> str:
        return f"gan-{self.name}"

    @cached_property
    def groups(self) -> dict[str, dict[str, str]]:
        """`{group: {option: its first comment line}}`; options that begin with _ are parts of others."""
        groups: dict[str, dict[str, str]] = {group: {} for group in self.defaults}
        for folder in self.folders:
            for path in sorted(folder.glob("*/**/*.yaml")):
                group = path.parent.relative_to(folder).as_posix()
                if not path.stem.startswith("_") and group.partition("/")[0] != "hydra":
                    groups.setdefault(group, {}).setdefault(path.stem, _description(path))
        return groups

    @cached_property
    def defaults(self) -> dict[str, Setting]:
        """The groups of the primary config with their default options, in its order."""
        lines = [_DEFAULT.match(line) for line in self._lines(f"{self.name}.yaml")]
        settings = [Setting(m["group"], m["option"], m["comment"] or "") for m in lines if m]
        return {setting.name: setting for setting in settings if setting.name != "hydra"}

    @cached_property
    def keys(self) -> list[Setting]:
        """The settings that belong to no component: those of the primary config, then `train.*`."""
        keys = list(_settings(self._lines(f"{self.name}.yaml"), ""))
        if "train" in self.defaults:
            keys += _settings(self._lines(f"train/{self.defaults['train'].value}.yaml"), "train.")
        return keys

    def option_keys(self, group: str, option: str) -> set[str]:
        """The settings that stand in an option's own file."""
        return {setting.name for setting in _settings(self._lines(f"{group}/{option}.yaml"), "")}

    def files_that_choose(self, group: str, option: str) -> list[Path]:
        """The config files whose defaults lists ask for an option."""
        choice = re.compile(
            rf"^\s*- .*\b{re.escape(group)}(@\S+)?: *{re.escape(option)}\s*(#|$)", re.MULTILINE
        )
        return [
            path
            for path in self._files()
            if choice.search(path.read_text(encoding="utf-8", errors="replace"))
        ]

    def unreadable_files(self) -> list[Path]:
        """The config files that are not UTF-8."""
        return [path for path in self._files() if not _is_utf8(path)]

    def _files(self) -> list[Path]:
        return [path for folder in self.folders for path in sorted(folder.glob("**/*.yaml"))]

    def _lines(self, path: str) -> list[str]:
        for folder in self.folders:
            if (folder / path).is_file():
                return (folder / path).read_text(encoding="utf-8").splitlines()
        return []


def _description(path: Path) -> str:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if not line.startswith("#"):
                return ""
            if not line.startswith("# @"):
                return line.lstrip("# ").rstrip()
    return ""


def _is_utf8(path: Path) -> bool:
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _settings(lines: list[str], prefix: str) -> Iterator[Setting]:
    parent = ""
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        if not match["indent"]:
            parent = match["key"] + "."
        value = match["value"].strip()
        if value and (match["indent"] == "" or parent != "defaults."):
            yield Setting(
                prefix + (parent if match["indent"] else "") + match["key"], value, match["comment"] or ""
            )
