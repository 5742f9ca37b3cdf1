"""The settings for commands and scripts without Hydra's own command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import hydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from gan_experiments.cli import messages
from gan_experiments.cli.catalogue import Catalogue, conf_dir
from gan_experiments.components import register
from gan_experiments.errors import UserError


def composed(overrides: list[str]) -> DictConfig:
    """gan-train's settings with overrides as on its command line; raises UserError."""
    register()
    version = {"version_base": "1.3"} if hydra.__version__.startswith("1.3.") else {}
    with _explaining(), hydra.initialize_config_dir(str(conf_dir()), job_name="gan", **version):
        return hydra.compose("train", overrides)


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
        component: object = OmegaConf.to_object(settings)
        return component


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except (HydraException, OmegaConfBaseException) as error:
        message = messages.explain(error, Catalogue.of("train", []))
        raise UserError(message or messages.one_line(error)) from error
