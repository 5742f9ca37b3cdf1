"""Checkpoints of earlier versions can be read: what they say of themselves still builds their networks."""

from __future__ import annotations

import copy
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import MISSING
from omegaconf.errors import MissingMandatoryValue

import tiny
from gan_experiments.components import find
from gan_experiments.models import Gan
from gan_experiments.networks import Norm
from gan_experiments.training import checkpoint
from gan_experiments.training.restore import GROUP_OF, Restored
from recording import RECORDS


def recorded(model: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((RECORDS / f"{model}.json").read_text())
    return state


def of_record(state: dict[str, Any], modules: tuple[str, ...] = ()) -> Restored:
    """What reads a checkpoint's settings, of a checkpoint without weights."""
    restored = object.__new__(Restored)
    restored.path, restored.modules = Path("recorded.pt"), modules
    restored.record, restored.classes = state["record"], state["describe"]["classes"]
    return restored


def saved(state: dict[str, Any], path: Path) -> Restored:
    """The record as a checkpoint, with the weights that its networks start with, read again."""
    restored = of_record(state)
    config, _, loss = (restored.component(group) for group in ("model", "data", "loss"))
    networks = config.build(restored.component("network"), loss, restored.component("data").shape)
    weights = {name: network.state_dict() for name, network in networks.items()}
    engine = {"step": 4, "images_seen": 32, "networks": weights, "ema": {}}
    checkpoint.save(path, {**state, "engine": engine})
    return Restored(path, torch.device("cpu"))


def test_every_shipped_model_has_a_record() -> None:
    models = [*tiny.MODELS, *tiny.TRANSLATORS]
    missing = [model for model in models if not (RECORDS / f"{model}.json").exists()]
    assert not missing, "python tests/recording.py writes them"
    assert all(str(Path.home()) not in path.read_text() for path in RECORDS.iterdir())


@pytest.mark.parametrize("model", [path.stem for path in sorted(RECORDS.glob("*.json"))])
def test_a_recorded_checkpoint_still_draws_images(model: str, tmp_path: Path) -> None:
    restored = saved(recorded(model), tmp_path / "recorded.pt")
    sources = np.zeros((3, *restored.shape.dims), np.uint8) if "sources" in restored.model.needs else None
    for direction in restored.model.translations:
        inputs = restored.model.feed(0, torch.device("cpu"), sources).take(3)
        images = restored.generate(inputs, direction)
        assert images.shape == (3, *restored.shape.dims)
        assert images.isfinite().all()
    assert restored.component("metrics") is not None


@pytest.mark.parametrize("model", ["san", "gngan", "biggan", "mmdgan_gp"])
def test_a_recorded_component_has_the_settings_of_its_day(model: str) -> None:
    state = recorded(model)
    settings = state["record"]["config"]["model"]
    settings["latent_dim"] = 7
    restored = of_record(state)
    built = restored.component("model")
    assert built.latent_dim == 7
    fields = dataclasses.fields(built)
    later = {field.name for field in fields if field.default not in (dataclasses.MISSING, MISSING)}
    assert {field.name for field in fields} - later <= set(settings) <= {field.name for field in fields}


@dataclass
class Later(Gan):
    """A model of today, which has gained two fields since the record was written."""

    extra: float = 0.5
    norm: Norm = Norm.batch


@dataclass
class Careless(Gan):
    """One whose new field has no default."""

    extra: float = MISSING


def test_a_field_that_a_component_has_gained_has_its_default() -> None:
    state = recorded("gan")
    state["describe"]["classes"]["model"] = f"{__name__}.Later"
    later = of_record(state, (__name__,)).component("model")
    assert (later.extra, later.norm) == (0.5, Norm.batch)
    assert later.latent_dim == state["record"]["config"]["model"]["latent_dim"]
    state["describe"]["classes"]["model"] = f"{__name__}.Careless"
    with pytest.raises(MissingMandatoryValue, match="extra"):  # so that the test above can fail
        of_record(state, (__name__,)).component("model")


def test_fields_with_a_default_can_be_left_out_of_every_record() -> None:
    """A field that a released component gains has a default that means "as before"."""
    for path in sorted(RECORDS.glob("*.json")):
        state = recorded(path.stem)
        whole = of_record(copy.deepcopy(state))
        for place, name in state["describe"]["classes"].items():
            group = place.partition(".")[0]
            kind = find(GROUP_OF.get(place.split(".")[1], group) if "." in place else group, name)
            node = state["record"]["config"]
            for key in place.split("."):
                node = node[key]
            for field in dataclasses.fields(kind):
                if field.default not in (dataclasses.MISSING, MISSING):
                    node.pop(field.name, None)
        restored = of_record(state)
        for group in ("model", "network", "loss", "data", "metrics", "gpu"):
            assert type(restored.component(group)) is type(whole.component(group)), (path, group)
