"""Random overrides: each runs or is refused in one message, and whatever is refused leaves nothing behind."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from gan_experiments.cli import train
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.composing import composed

Command = Callable[..., Any]
TRIED = 40
CHECK = train.check

VALUES = [
    "0",
    "-1",
    "1",
    "2",
    "1e-3",
    "1e400",
    "nan",
    "inf",
    "-inf",
    "null",
    "true",
    "",
    "'x'",
    "[]",
    "[1,2]",
    "{}",
]
VALUES += [
    "{a:1}",
    "???",
    "18446744073709551615",
    "99999999999",
    "1e10",
    "${seed}",
    "${nope}",
    "${oc.env:NOPE}",
    "é",
]
VALUES += [
    "../x",
    "/dev/null",
    "a b",
    "gp",
    "san",
    "\\",
    "'",
    "1,2",
    "range(0)",
    "$",
    "=",
    "None",
    "0x10",
    "1_000",
]


def leaves(node: DictConfig, prefix: str = "") -> list[str]:
    """The keys of every setting, and of every group of settings."""
    keys = []
    for key in node:
        name = f"{prefix}{key}"
        keys.append(name)
        child = node._get_node(key)
        if isinstance(child, DictConfig) and not child._is_none() and not child._is_missing():
            keys += leaves(child, f"{name}.")
    return keys


def override(random_: random.Random, keys: list[str], groups: dict[str, list[str]]) -> str:
    kind = random_.random()
    sign = random_.choice(["", "", "", "", "+", "++", "~"])
    if kind < 0.3:
        group = random_.choice(list(groups))
        key, value = group, random_.choice([*groups[group], random_.choice(VALUES)])
        key += random_.choice(["", "", "", "@model.penalties.x", "@hydra", "@x"])
    else:
        key, value = random_.choice(keys), random_.choice(VALUES)
        key += random_.choice(["", "", "", "", ".x", "@y", "."])
    return f"{sign}{key}" if sign == "~" else f"{sign}{key}={value}"


def test_random_overrides_end_in_a_run_or_a_message(
    gan_train: Command, trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "check", CHECK)  # the real one, which the stand-in trainer leaves out
    random_ = random.Random(0)
    groups = {name: list(options) for name, options in Catalogue.of("train", []).groups.items()}
    groups["hydra/job_logging"] = ["default", "disabled", "none", "stdout"]
    keys = leaves(composed(["model=wgan_gp"]))
    for _ in range(TRIED):
        words = [override(random_, keys, groups) for _ in range(random_.choice([1, 1, 2]))]
        calls, before = len(trainer.calls), sorted(tmp_path.rglob("*"))
        result = gan_train("gpu=cpu", "paths.outputs=outputs", *words)
        assert result.code in (0, 2), (words, result.err)
        assert "Traceback" not in result.err, (words, result.err)
        assert (result.code == 0) == (len(trainer.calls) == calls + 1), (words, result.err)
        if result.code == 2:
            assert result.err.startswith("gan-train: error: "), words
            assert sorted(tmp_path.rglob("*")) == before, words
