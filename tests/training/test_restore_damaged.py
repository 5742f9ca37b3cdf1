"""Checkpoints that load but describe what cannot be: hand-made, of other versions, too large."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from gan_experiments.errors import UserError
from gan_experiments.training import checkpoint, run
from gan_experiments.training.restore import Restored


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("run")
    config, record = tiny.compose("model=san", "train.steps=1")
    run(config, folder, record)
    return checkpoint.load(folder / "checkpoints" / "last.pt")


def places(node: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every part but the optimisers' and the parts of network weights."""
    found = [prefix] if prefix else []
    if isinstance(node, dict) and "optim" not in "".join(map(str, prefix)) and len(prefix) < 5:
        for key, child in node.items():
            found += places(child, (*prefix, key))
    return found


def changed(node: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy with `value` at `place`, or without what stands there for "gone"."""
    if not place:
        return value
    copy = dict(node)
    if len(place) == 1 and isinstance(value, str) and value == "gone":
        del copy[place[0]]
    else:
        copy[place[0]] = changed(copy[place[0]], place[1:], value)
    return copy


def test_parts_missing_or_of_another_type_are_one_sentence(state: dict[str, Any], tmp_path: Path) -> None:
    path, chance = tmp_path / "odd.pt", random.Random(0)
    values = ["gone", None, "text", -1, 2**70, [], {}, {"a": 1}, torch.zeros(3), float("nan")]
    errors = []
    for place in chance.sample(places(state), 60):
        torch.save(changed(state, place, chance.choice(values)), path)
        try:
            Restored(path, torch.device("cpu"))
        except UserError as error:
            errors.append(str(error))
    assert all("odd.pt" in error and error.count("\n") <= 1 for error in errors), errors
    assert len(errors) > 15


def test_a_huge_claimed_width_is_not_allocated(state: dict[str, Any], tmp_path: Path) -> None:
    torch.save(changed(state, ("record", "config", "network", "width"), 2**20), tmp_path / "huge.pt")
    with pytest.raises(UserError, match="larger networks than its weights"):
        Restored(tmp_path / "huge.pt", torch.device("cpu"))
