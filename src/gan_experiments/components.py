"""Components: a YAML file gives the values, a dataclass of the same name gives types and behaviour.

`conf/loss/hinge.yaml` begins with `defaults: [/schema/loss@_here_: Hinge]`. The name after the colon is a
class: one that the group's package exports (`gan_experiments.losses.Hinge`), or `module.Class` of your own
(`my_gan.Mine`). `ComponentSource` resolves it when Hydra composes, so that a wrong type or an unknown key is
an error before anything is built; `OmegaConf.to_object` then turns the config into that very dataclass.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.plugins.config_source import ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from gan_experiments.errors import UserError, did_you_mean

PACKAGES = {
    "config": "gan_experiments.config",
    "model": "gan_experiments.models",
    "network": "gan_experiments.networks",
    "loss": "gan_experiments.losses",
    "head": "gan_experiments.heads",
    "penalty": "gan_experiments.penalties",
    "optim": "gan_experiments.training.optim",
    "data": "gan_experiments.data",
    "metrics": "gan_experiments.metrics",
    "gpu": "gan_experiments.training.device",
    "logger": "gan_experiments.training.loggers",
}


def find(group: str, name: str) -> type:
    """The component class `name` of `group`; raises UserError where there is none."""
    package = PACKAGES[group]
    own, _, attribute = name.rpartition(".")
    if own:
        if os.getcwd() not in sys.path:  # a console script does not look for modules where the user stands
            sys.path.append(os.getcwd())
        try:
            module = importlib.import_module(own)
        except ModuleNotFoundError as error:
            if error.name and own.startswith(error.name):
                raise UserError(
                    f"{group} component {name}: there is no module '{own}' here; "
                    f"it must be installed, on PYTHONPATH or in the current folder"
                ) from error
            raise
    else:
        module = importlib.import_module(package)
    component = getattr(module, attribute, None)
    if not (isinstance(component, type) and dataclasses.is_dataclass(component)):
        known = [n for n, v in vars(module).items() if isinstance(v, type) and dataclasses.is_dataclass(v)]
        raise UserError(
            f"{group} component {name}: {module.__name__} has no dataclass '{attribute}'"
            + did_you_mean(attribute, known)
        )
    return component


class ComponentSource(ConfigSource):
    """Serves `schema/<group>/<Class>` to Hydra's composition."""

    untyped = False  # help and completion compose from the YAML values alone, without importing torch

    @classmethod
    @contextmanager
    def composing(cls, untyped: bool) -> Iterator[None]:
        """Compose with or without types until the block ends."""
        before, cls.untyped = cls.untyped, untyped
        try:
            yield
        finally:
            cls.untyped = before

    @staticmethod
    def scheme() -> str:
        return "component"

    def load_config(self, config_path: str) -> ConfigResult:
        _, group, name = config_path.removesuffix(".yaml").split("/")
        node = OmegaConf.create({}) if self.untyped else OmegaConf.structured(find(group, name))
        return ConfigResult(
            provider=self.provider,
            path=f"component://{group}/{name}",
            config=node,
            header={"package": None},
            is_schema_source=True,
        )

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return False

    def is_config(self, config_path: str) -> bool:
        parts = config_path.removesuffix(".yaml").split("/")
        return len(parts) == 3 and parts[0] == "schema" and parts[1] in PACKAGES

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []


class ComponentSearchPath(SearchPathPlugin):
    """Adds the components and the folders named in `GAN_CONF` (separated as in PATH) to the search path."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in filter(None, os.environ.get("GAN_CONF", "").split(os.pathsep)):
            search_path.prepend(provider="GAN_CONF", path=f"file://{os.path.abspath(folder)}")
        search_path.append(provider="components", path="component://")


def register() -> None:
    """Teach Hydra about components; calling it again changes nothing."""
    from hydra.core.plugins import Plugins

    plugins: Any = Plugins.instance()
    plugins.register(ComponentSource)
    plugins.register(ComponentSearchPath)
