"""Settings composed by Hydra: for the command line, and for commands and scripts without it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import __version__ as hydra_version
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.singleton import Singleton
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.cli import messages
from gan_experiments.cli.arguments import check_form, expanded
from gan_experiments.cli.catalogue import Catalogue, conf_dir
from gan_experiments.components import register
from gan_experiments.errors import UserError


@contextmanager
def composer(config_dir: str | None = None) -> Iterator[Hydra]:
    """Hydra over the config folders of a command: `config_dir`, then `$GAN_CONF`, then the package's own."""
    register()
    if hydra_version.startswith("1.3."):
        version.setbase("1.3")
    search_path = create_config_search_path(str(conf_dir()))
    if config_dir is not None:
        folder = Path(config_dir).absolute()
        if not folder.is_dir():
            raise UserError(f"there is no config folder '{folder}'")
        search_path.prepend(provider="command-line", path=f"file://{folder}")
    before = Singleton.get_state()
    GlobalHydra.instance().clear()
    try:
        yield Hydra.create_main_hydra2(task_name="gan", config_search_path=search_path)
    finally:
        Singleton.set_state(before)


def composed(overrides: list[str]) -> DictConfig:
    """gan-train's settings with overrides as on its command line; raises UserError."""
    catalogue = Catalogue.of("train", [])
    for override in overrides:
        check_form(override, catalogue)
    with _explaining(), composer() as hydra:
        settings = hydra.compose_config(
            "train", expanded(overrides, catalogue), RunMode.RUN, from_shell=False
        )
    with open_dict(settings):
        del settings["hydra"]
    return settings


def changed(settings: DictConfig, group: str, overrides: list[str]) -> DictConfig:
    """The settings of a group with overrides of single values (`data.path=my/pictures`); raises UserError."""
    whole = OmegaConf.create({group: settings})
    with _explaining():
        for override in OverridesParser.create().parse_overrides(overrides):
            OmegaConf.update(whole, override.key_or_group, override.value(), merge=False)
    node: DictConfig = whole[group]
    return node


def built(settings: DictConfig) -> object:
    """The component that settings describe; raises UserError for what it refuses."""
    with _explaining():
        check_numbers(settings)
        component: object = OmegaConf.to_object(settings)
        return component


def check_numbers(settings: DictConfig) -> None:
    """Raise UserError for numbers that are not finite, or that 64 bits do not hold."""
    values: list[tuple[str, Any]]
    values = [(settings._get_full_key(None), OmegaConf.to_container(settings, resolve=True))]
    for key, value in values:
        if isinstance(value, dict):
            values += [(f"{key}{'.' if key else ''}{name}", child) for name, child in value.items()]
        if isinstance(value, list):
            values += [(key, child) for child in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{key} must be a finite number, not {value}")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise UserError(f"{key} must be less than 2**63, not {value}")


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        message = messages.explain(error, Catalogue.of("train", []))
        if message is None and not isinstance(error, (HydraException, OmegaConfBaseException)):
            raise
        raise UserError(message or messages.one_line(error)) from error
