"""Hydra's composing, remembered: a process composes the same options of the shipped configs once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from functools import partial
from typing import Any
from unittest import mock

from hydra._internal import config_loader_impl
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.defaults_list import Overrides

import tiny
from gan_experiments.components import ComponentSource

SHIPPED = {f"file://{tiny.CONF}", "pkg://hydra.conf", "component://", "structured://"}


@contextmanager
def remembered() -> Iterator[None]:
    """Until the block ends, a file, and options chosen together, are copies of what they were the first time.

    Hydra sets the values of a command line in such a copy as ever. Nothing is remembered where another folder takes
    part (`-cd`, GAN_CONF), whose files a test may change.
    """
    memory: dict[Any, Any] = {}
    load, compose = ConfigRepository.load_config, ConfigLoaderImpl._compose_config_from_defaults_list
    list_defaults = config_loader_impl.create_defaults_list

    def remember(repo: Any, make: Callable[[], Any], *what: object) -> Any:
        if not {source.full_path() for source in repo.get_sources()} <= SHIPPED:
            return make()
        key = (ComponentSource.untyped, *what)
        if key not in memory:
            memory[key] = make()
        return memory[key]

    def loaded(repo: Any, config_path: str) -> Any:
        return copy.deepcopy(remember(repo, partial(load, repo, config_path), config_path))

    def listed(repo: Any, config_name: str, overrides_list: list[Any], **how: bool) -> Any:
        values = Overrides(repo, overrides_list).config_overrides
        options = tuple(one.input_line for one in overrides_list if one not in values)
        make = partial(list_defaults, repo, config_name, overrides_list, **how)
        defaults = copy.copy(remember(repo, make, config_name, options, *how.items()))
        defaults.config_overrides = values
        return defaults

    def composed(loader: Any, defaults: list[Any], repo: Any) -> Any:
        make = partial(compose, loader, defaults, repo)
        return copy.deepcopy(remember(repo, make, tuple(map(astuple, defaults))))

    with (
        mock.patch.object(ConfigRepository, "load_config", loaded),
        mock.patch.object(config_loader_impl, "create_defaults_list", listed),
        mock.patch.object(ConfigLoaderImpl, "_compose_config_from_defaults_list", composed),
    ):
        yield
