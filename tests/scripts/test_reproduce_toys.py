"""VEEGAN's table: every recipe for points trains, what is finished is skipped, and the table says what was measured."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from script_helpers import load

from gan_experiments.runs import RunFolder
from gan_experiments.training.run import Run

SMALL = ["network.width=4", "data.samples=500", "metrics.samples=50", "train.steps=2", "train.batch_size=8"]
SMALL += ["train.evaluate_every=2", "gpu=cpu"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("reproduce_toys")


@pytest.fixture
def reproduce(script: ModuleType) -> Iterator[Any]:
    root = logging.getLogger()
    before = root.level, root.handlers[:]

    def call(*arguments: str) -> None:
        script.main(arguments)

    yield call
    root.level, root.handlers[:] = before


def test_every_recipe_has_the_same_budget_and_trains(
    script: ModuleType, compose: Any, tmp_path: Path
) -> None:
    budgets = set()
    for method in script.recipes():
        config, record = compose(
            "experiment=points", f"model={method}", "data=ring", "network=mlp", "metrics=modes", *SMALL
        )
        engine = Run(config, tmp_path, record).engine
        engine.iterate()
        assert all(map(math.isfinite, engine.drain().values())), method
        _, full = compose("experiment=points", f"model={method}", "data=ring", "network=mlp", "metrics=modes")
        settings = full["config"]
        budgets.add(str([settings["network"], settings["optim"], settings["model"]["latent_dim"]]))
    assert len(budgets) == 1


def test_what_is_finished_is_skipped(script: ModuleType, reproduce: Any, tmp_path: Path, capsys: Any) -> None:
    arguments = ["--data", "ring", "--seeds", "3", "--out", str(tmp_path), *SMALL]
    reproduce("--methods", "gan", *arguments)
    (first,) = tmp_path.rglob("last.pt")
    before = first.stat().st_mtime_ns
    reproduce("--methods", "gan", *arguments)
    assert first.stat().st_mtime_ns == before
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], row["seed"], row["steps"]) for row in rows] == [("gan", "3", "2")]
    assert all(0 <= float(row["high_quality"]) <= 1 for row in rows)
    assert "| *VEEGAN, published* | 8 | 52.9 |  |" in capsys.readouterr().out
    assert Image.open(tmp_path / "samples.png").size == (500, 500)


def test_the_command_lines_settings_win_over_the_mixtures(script: ModuleType) -> None:
    assert script.settings("mixture1200", ["train.steps=5"]) == ["network.width=128", "train.steps=5"]
    assert script.settings("mixture1200", []) == ["network.width=128", "train.steps=1000"]


def result(script: ModuleType, method: str, data: str, seed: int, modes: float, share: float) -> Any:
    folder = RunFolder(Path("run"))
    folder.__dict__["summary"] = {"metrics": {"modes": modes, "high_quality": share}}
    return script.Result(method, data, seed, folder)


def test_the_table_has_means_and_spreads_beside_the_published_figures(script: ModuleType) -> None:
    rings = [result(script, "gan", "ring", seed, modes, 0.5) for seed, modes in enumerate((7.0, 8.0))]
    grid = result(script, "veegan", "grid", 0, 20.0, 0.123)
    head, _, gan, veegan, *published = script.table([*rings, grid]).splitlines()
    assert head.startswith("| method | ring: modes of 8 | high quality, % | seeds | grid: modes of 25 |")
    assert gan == "| GAN | 7.5 ± 0.7 | 50.0 ± 0.0 | 2 |  |  | 0 |"
    assert veegan == "| VEEGAN |  |  | 0 | 20.0 | 12.3 | 1 |"
    assert published[0] == "| *GAN, published* | 1 | 99.3 |  | 3.3 | 0.5 |  |"


def test_a_mistake_on_the_command_line_is_one_sentence(reproduce: Any, capsys: Any) -> None:
    for arguments, sentence in {
        ("--methods", "gann"): "--methods gann: the recipes for points are gan, ",
        ("--data", "mnist"): "--data mnist: the mixtures are ring, grid, mixture1200",
        ("--seeds", "one"): "--seeds one: seeds are whole numbers",
        ("--methods", "gan", "train.stepz=1"): "Did you mean 'steps'?",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            reproduce(*arguments)
        assert sentence in capsys.readouterr().err
