"""What `--help` and the messages know of the config folders without composing them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gan_experiments.cli.catalogue import Catalogue, conf_dir, override_key

Write = Callable[[str, str], Path]


@pytest.mark.parametrize("override", ["model=san", "+model=san", "++model=a=b", "~model", "model"])
def test_override_key(override: str) -> None:
    assert override_key(override) == "model"


def test_real_configs() -> None:
    catalogue = Catalogue("train", (conf_dir(),))
    assert catalogue.program == "gan-train"
    assert [catalogue.defaults[group].value for group in ("model", "data", "metrics")] == [
        "san",
        "digits",
        "inception",
    ]
    keys = {setting.name: setting.value for setting in catalogue.keys}
    assert keys["seed"] == "0"
    assert keys["train.steps"] == "20000"
    assert keys["paths.outputs"] == "outputs"
    assert {"resume", "sweep", "paths.data", "train.ema"} < set(keys)
    assert all(setting.comment for setting in catalogue.keys)


@pytest.mark.parametrize(
    "group", ["model", "network", "loss", "optim", "data", "metrics", "gpu", "logger", "train"]
)
def test_every_option_has_its_line(group: str) -> None:
    options = Catalogue("train", (conf_dir(),)).groups[group]
    assert options
    for option, line in options.items():
        assert line, f"conf/{group}/{option}.yaml does not begin with a comment"
        assert not option.startswith("_")


def test_users_folders_come_first(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    write("one/model/mine.yaml", "# From one\n")
    write("two/model/mine.yaml", "# @package _global_\n# From two\n")
    write("two/model/other.yaml", "k: 1\n# no description: it comes too late\n")
    write("two/new/thing.yaml", "# A group of its own\n")
    monkeypatch.setenv("GAN_CONF", str(tmp_path / "two"))
    catalogue = Catalogue.of("train", ["model=x", "--config-dir", str(tmp_path / "one"), "-m"])
    assert catalogue.groups["model"]["mine"] == "From one"
    assert catalogue.groups["model"]["other"] == ""
    assert catalogue.groups["new"] == {"thing": "A group of its own"}
    assert "san" in catalogue.groups["model"]
    assert Catalogue.of("train", []).groups["model"]["mine"] == "From two"


def test_files_that_choose_an_option(tmp_path: Path, write: Write) -> None:
    wanted = write("experiment/a.yaml", "defaults:\n  - override /model: san # why\n")
    package = write("model/b.yaml", "defaults:\n  - override /model@_global_.model: san\n")
    write("experiment/c.yaml", "defaults:\n  - override /model: sand\nmodel: san\n")
    assert Catalogue("train", (tmp_path,)).files_that_choose("model", "san") == [wanted, package]
