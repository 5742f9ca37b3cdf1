"""Whether a model and a data set belong together: what the one needs against what the other has."""

from __future__ import annotations

from gan_experiments import data as data_sets
from gan_experiments import models
from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.models import Model

SENTENCES = {
    "sources": "this model translates between two image domains, and data={} has one. Data with two domains: {}",
    "pairs": "this model learns from pairs of images, and data={} has none. Data with pairs: {}",
    "labels": "this model draws images of a given class, and data={} has no labels here. Data with labels: {}",
}


def check_companions(model: Model, data: Data) -> None:
    """Raise UserError, before anything is read or built, for data that lacks what the model needs, or has two
    domains where the model draws images of one."""
    for need, sentence in SENTENCES.items():
        if need in model.needs - data.provides:
            raise UserError(sentence.format(data.option, ", ".join(_data_with(need))))
    if "sources" in data.provides - model.needs:
        raise UserError(
            f"data={data.option} has two image domains, and this model draws images of one from latents. "
            f"Models that translate: {', '.join(_translators())}"
        )


def _data_with(need: str) -> list[str]:
    """The data sets that have it, by their names on the command line."""
    kinds = [kind for kind in vars(data_sets).values() if isinstance(kind, type) and issubclass(kind, Data)]
    return sorted({kind.option for kind in kinds if need in kind.offers})


def _translators() -> list[str]:
    kinds = [kind for kind in vars(models).values() if isinstance(kind, type) and issubclass(kind, Model)]
    names = {kind.__module__.rpartition(".")[2] for kind in kinds if "sources" in kind.needs}
    return sorted(names - {"translation"})
