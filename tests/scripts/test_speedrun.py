"""The speedrun: what a quality costs, from evaluations by hand and from a run on tiny data."""

from __future__ import annotations

import csv
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from script_helpers import SCRIPTS, load

SMALL = ["data=digits", "data.image_size=16", "network=dcgan_small", "network.width=4", "gpu=cpu"]
SMALL += ["train.batch_size=8", "metrics.samples=20", "metrics.real=30"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        return load("speedrun")


@pytest.mark.parametrize(
    ("method", "drawn"),
    [
        ("gan", 64),
        ("vae", 64),
        ("cgan", 64),
        ("veegan", 64),
        ("swgan", 64),
        ("r3gan", 2 * 32),
        ("distgan", 3 * 32),
    ],
)
def test_batches_are_counted_where_a_method_draws_them(script: ModuleType, method: str, drawn: int) -> None:
    recipe = script.Recipe.of(method, 96000, 9600, ["network.width=4"])
    assert recipe.words[2:4] == [f"train.steps={96000 // drawn}", f"train.evaluate_every={9600 // drawn}"]


def test_critic_steps_count(script: ModuleType) -> None:
    recipe = script.Recipe.of("gan", 96000, 9600, ["network.width=4", "model.discriminator_steps=5"])
    assert recipe.words[2:4] == ["train.steps=300", "train.evaluate_every=30"]


def test_a_recipe_alone_sees_as_many_images_as_all_others(script: ModuleType) -> None:
    for method in script.declared()["mnist"].methods:
        config = script.compose(["experiment=mnist", f"model={method}", "network.width=4"])
        assert config.train.steps * config.train.batch_size * script.batches_per_update(config) == 96000, (
            method
        )


def run(*figures: float) -> list[dict[str, Any]]:
    """Evaluations after 100, 200, ... images, at 2 seconds of the processor and 3 on the clock each."""
    return [
        {
            "images_seen": 100 * k,
            "cpu_seconds": 2.0 * k,
            "training_seconds": 3.0 * k,
            "metrics": {"fd": value},
        }
        for k, value in enumerate(figures, 1)
    ]


def test_a_target_is_reached_at_the_first_evaluation_at_or_below_it(script: ModuleType) -> None:
    runs = {("a", 0): run(60.0, 20.0, 5.5, 30.0), ("a", 1): run(50.0, 40.0, 20.5, 6.0), ("b", 0): run(49.0)}
    rows = script.costs(runs, [20, 50], "fd")
    assert [(row["recipe"], row["seed"], row["target"], row["images_seen"]) for row in rows] == [
        ("a", 0, 50, 200), ("a", 0, 20, 200), ("a", 1, 50, 100), ("a", 1, 20, 400), ("b", 0, 50, 100)
    ]  # fmt: skip
    assert script.table(rows, runs, "fd").splitlines() == [
        "| fd at most | recipe | runs | CPU seconds | seconds | images |",
        "|---|---|---|---|---|---|",
        "| 50 | b | 1 of 1 | 2 | 3 | 100 |",
        "| 50 | a | 2 of 2 | 3 (2 to 4) | 4 (3 to 6) | 150 (100 to 200) |",
        "| 20 | a | 2 of 2 | 6 (4 to 8) | 9 (6 to 12) | 300 (200 to 400) |",
        "",
        "Smallest fd: a 5.75 (5.5 to 6); b 49.",
    ]


def test_all_recipes_by_who_gets_furthest(script: ModuleType) -> None:
    runs = {
        ("a", 0): run(60.0, 20.0),
        ("a", 1): run(50.0, 40.0),
        ("b", 0): run(49.0, 20.0),
        ("c", 0): run(51.0),
    }
    rows = script.costs(runs, [20, 50], "fd")
    assert script.matrix(rows, runs, [20, 50], "fd").splitlines() == [
        "| recipe | seeds | fd 50 | fd 20 |",
        "|---|---|---|---|",
        "| b | 1 | 2 | 4 |",
        "| a | 2 | 3 (2 to 4) | 4, 1 of 2 |",
        "| c | 1 |  |  |",
    ]


def test_published_runs_need_no_training(script: ModuleType, capsys: Any) -> None:
    script.main(["--published", "mnist_hundred_epochs", "--targets", "5,1"])
    rows = [line.split(" | ")[:2] for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["| recipe", "seeds"]
    assert ["| san r1", "1"] in rows
    assert rows[2] == ["| conditional_san", "1"]


def test_a_figure_that_is_none_reaches_nothing(script: ModuleType) -> None:
    assert script.reached(run(float("nan"), 3.0), "fd", 5)["images_seen"] == 200


def test_on_tiny_data(script: ModuleType, tmp_path: Path, capsys: Any) -> None:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    try:
        script.main(
            [
                "--images",
                "32",
                "--every",
                "16",
                "--seeds",
                "0",
                "--targets",
                "1e9,1e-9",
                "--out",
                str(tmp_path),
                *SMALL,
            ]
        )
    finally:
        root.level, root.handlers[:] = before
    with (tmp_path / "results.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert (row["recipe"], row["seed"], row["images_seen"]) == ("speedrun", "0", "16")
    assert float(row["cpu_seconds"]) > 0
    assert "| 1e+09 | speedrun | 1 of 1 |" in capsys.readouterr().out


def test_mistakes_are_one_sentence(script: ModuleType, capsys: Any) -> None:
    for arguments, sentence in {
        ("--recipes", "gann"): "invalid choice: 'gann'",
        ("--targets", "ten"): "--seeds and --targets are numbers",
        ("train.log_every=0",): "train.log_every must be at least 1, not 0",
        ("--published", "mnist", "--figure", "fd_cifar"): "--figure: the runs of mnist have no fd_cifar",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            script.main(arguments)
        assert sentence in capsys.readouterr().err
