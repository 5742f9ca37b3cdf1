"""Checkpoints that load but are not what they should be: one sentence, whatever is missing or wrong."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import tiny
from gan_experiments.errors import UserError
from gan_experiments.training import checkpoint
from gan_experiments.training.restore import Restored
from gan_experiments.training.run import Run

WRONG = [None, 3, -1.5, "x", [], {}, {"x": 1}, torch.zeros(3)]
SETTINGS = ["model=cgan", "network=mlp", "data.image_size=16", "train.steps=2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    config, record = tiny.compose(*SETTINGS)
    run = Run(config, tmp_path_factory.mktemp("run"), record)
    run.train()
    return run


def places(node: Any, depth: int) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        yield (key,)
        if depth > 1 and isinstance(value, dict):
            yield from ((key, *rest) for rest in places(value, depth - 1))


def damaged(state: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The checkpoint with each of its parts taken away, and with something else in its place."""
    for number, place in enumerate(places(state, 4)):
        for value in ("gone", WRONG[number % len(WRONG)], WRONG[(number * 5 + 3) % len(WRONG)]):
            other = copy.copy(state)
            node = other
            for key in place[:-1]:
                node[key] = copy.copy(node[key])
                node = node[key]
            if isinstance(value, str) and value == "gone":
                del node[place[-1]]
            else:
                node[place[-1]] = value
            yield f"{'.'.join(map(str, place))}={value}", other


def what_is_said(use: Callable[[], object], name: str) -> str:
    try:
        use()
    except UserError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{name}: {type(error).__name__}: {error}") from error
    return ""


def test_every_part_of_a_checkpoint_can_be_missing_or_wrong(trained: Run, monkeypatch: Any) -> None:
    state = checkpoint.load(trained.folder / "checkpoints" / "last.pt")
    path, tried, refused = Path("damaged.pt"), 0, 0
    for name, other in damaged(state):
        monkeypatch.setattr(checkpoint, "load", lambda *_, other=other: other)
        for use in (lambda: Restored(path, torch.device("cpu")), lambda: trained._resume(path)):
            tried += 1
            said = what_is_said(use, name)
            assert "\n" not in said, name
            assert len(said) < 500, name
            refused += said != ""
    assert tried > 300
    assert refused > tried / 4


@pytest.mark.parametrize("optim", ["adam", "rmsprop", "sgd"])
def test_moments_of_an_optimiser_that_do_not_fit_are_refused(
    optim: str, compose: Any, tmp_path: Path
) -> None:
    config, record = compose(*SETTINGS, f"optim={optim}", *(["optim.momentum=0.5"] if optim == "sgd" else []))
    run = Run(config, tmp_path, record)
    run.train()
    state = run.engine.state_dict()
    assert run.engine.load_state_dict(state)
    moments = state["optimizers"]["generator"]["state"][1]
    assert moments
    for key, right in [*moments.items()]:
        for value in [right.flatten()[:0], right[None], right.to_sparse(), "x", None, torch.zeros(3), "gone"]:
            moments[key] = value
            if isinstance(value, str) and value == "gone":
                del moments[key]
            if moments:
                with pytest.raises((ValueError, RuntimeError, TypeError, KeyError)):
                    run.engine.load_state_dict(state)
        moments[key] = right
    assert run.engine.load_state_dict(state)


@pytest.mark.parametrize("width", [10**5, 10**9, 10**30])
def test_networks_too_large_for_their_weights_are_never_made(
    width: int, trained: Run, monkeypatch: Any
) -> None:
    state = copy.deepcopy(checkpoint.load(trained.folder / "checkpoints" / "last.pt"))
    state["record"]["config"]["network"]["width"] = width
    monkeypatch.setattr(checkpoint, "load", lambda *_: state)
    with pytest.raises(UserError, match=r"last\.pt"):
        Restored(trained.folder / "checkpoints" / "last.pt", torch.device("cpu"))


@pytest.mark.parametrize("size", [16, 44])  # of the states of CUDA's and MPS's generators
def test_a_run_goes_on_on_another_kind_of_device(
    size: int, compose: Any, tmp_path: Path, caplog: Any
) -> None:
    config, record = compose(*SETTINGS)
    Run(config, tmp_path, record).train()
    state = checkpoint.load(tmp_path / "checkpoints" / "last.pt")
    state["engine"]["noise"] = torch.zeros(size, dtype=torch.uint8)
    state["rng"]["cuda"] = torch.zeros(16, dtype=torch.uint8)
    checkpoint.save(tmp_path / "checkpoints" / "last.pt", state)
    weights = []
    for _ in range(2):
        config, record = compose(*SETTINGS, "train.steps=3")
        config.resume = str(tmp_path / "checkpoints" / "last.pt")
        with caplog.at_level(logging.WARNING):
            run = Run(config, tmp_path, record)
        assert "another kind of device than cpu" in caplog.text
        assert "the bits differ" in caplog.text
        weights.append(run.engine.noise.normal(4))
    assert torch.equal(*weights)  # from the seed and the step
    run.train()
    assert run.engine.step == 3
