"""Whether a model and a data set belong together: what the one needs against what the other has."""

from __future__ import annotations

from collections.abc import Iterable

from gan_experiments import data as data_sets
from gan_experiments import models
from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.models import Model


def check_companions(model: Model, data: Data) -> None:
    """Raise UserError, before anything is read or built, for data that lacks what the model needs, or has two
    domains where the model draws images of one."""
    missing = model.needs - data.provides
    if "sources" in missing:
        raise UserError(
            f"this model translates between two image domains, and data={data.option} has one. "
            f"Data with two domains: {_names(kind for kind in _sets() if kind.domains == 2)}"
        )
    if "pairs" in missing:
        raise UserError(
            f"this model learns from pairs of images, and data={data.option} has none. "
            f"Data with pairs: {_names(kind for kind in _sets() if kind.paired)}"
        )
    if "labels" in missing:
        raise UserError(
            f"this model draws images of a given class, and data={data.option} has no labels here; "
            f"choose data with labels (digits, mnist, cifar10, ...)"
        )
    if "sources" in data.provides - model.needs:
        raise UserError(
            f"data={data.option} has two image domains, and this model draws images of one from latents. "
            f"Models that translate: {', '.join(_translators())}"
        )


def _sets() -> list[type[Data]]:
    kinds = [kind for kind in vars(data_sets).values() if isinstance(kind, type) and issubclass(kind, Data)]
    return [kind for kind in kinds if not kind.__subclasses__()]  # the others are bases, not options


def _names(kinds: Iterable[type[Data]]) -> str:
    return ", ".join(sorted(kind.option for kind in kinds))


def _translators() -> list[str]:
    kinds = [kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, Model)]
    return sorted({kind.__module__.rpartition(".")[2] for kind in kinds if "sources" in kind.needs})
