"""The comparison on MNIST: equal budgets, the table, and a whole run of it on tiny data."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from script_helpers import load

BUDGET = 96000
SMALL = ["data=digits", "data.image_size=16", "network=dcgan_small", "network.width=4", "gpu=cpu"]
SMALL += ["train=default", "train.batch_size=8", "metrics.samples=20", "metrics.real=30"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("reproduce_mnist")


@pytest.fixture
def reproduce(script: ModuleType) -> Iterator[Any]:
    root = logging.getLogger()
    before = root.level, root.handlers[:]

    def call(*arguments: str) -> None:
        script.main(arguments)

    yield call
    root.level, root.handlers[:] = before


@pytest.mark.parametrize(
    ("method", "batches"),
    [("gan", 1), ("vae", 1), ("cgan", 1), ("veegan", 1), ("swgan", 1), ("r3gan", 2), ("distgan", 3)],
)
def test_batches_are_counted_where_a_method_draws_them(script: ModuleType, method: str, batches: int) -> None:
    plan = script.plan(method, BUDGET, ["network.width=4"])
    assert (plan.batches, plan.steps, plan.images) == (batches, 1500 // batches, BUDGET)


def test_critic_steps_count(script: ModuleType) -> None:
    plan = script.plan("gan", BUDGET, ["network.width=4", "model.discriminator_steps=5"])
    assert (plan.batches, plan.steps) == (5, 300)


def test_a_recipe_alone_has_the_scripts_budget(script: ModuleType) -> None:
    for method in script.recipes():
        config = script.compose(["experiment=mnist", f"model={method}", "network.width=4"])
        seen = config.train.steps * config.train.batch_size * script.batches_per_update(config)
        assert seen == BUDGET, method


def result(script: ModuleType, seed: int, distance: float, **metrics: float) -> Any:
    plan = script.Plan("gan", "GAN, non-saturating", steps=10, batches=1, batch_size=64)
    names = ("precision", "recall", "density", "coverage", "mode_kl")
    figures = {"fd_lenet": distance, **{f"{name}_lenet": 0.25 for name in names}, **metrics}
    digits = [0.9, 0.05, 0.041, 0.009, *[0.0] * 6]
    return script.Result(plan, seed, Path("run"), figures, digits, 640, seconds=3.0, training_seconds=2.0)


def test_one_run_has_its_standard_error_and_several_their_spread(script: ModuleType) -> None:
    line = script.table([result(script, 0, 101.26, fd_se_lenet=1.04)]).splitlines()[-1]
    assert line == (
        "| GAN, non-saturating | 1 | 101.3 (1.0) | 0.25 | 0.25 | 0.25 | 0.25 | 3 | 0.250 | 10 | 320 | 3 "
        "| .52 / .23, FID 27.35 |"
    )
    both = [result(script, seed, value, fd_se_lenet=1.0) for seed, value in enumerate((100.0, 104.0))]
    assert "| 2 | 102.0 ± 2.8 |" in script.table(both)


def test_fid_has_a_column_where_it_was_measured(script: ModuleType) -> None:
    head, _, line = script.table([result(script, 0, 101.2, fid=30.0, fid_se=0.2)]).splitlines()
    assert "| fd_lenet | FID | precision |" in head
    assert "| 101.2 | 30.0 (0.2) | 0.25 |" in line


def test_a_diverged_run_stands_last(script: ModuleType) -> None:
    lost = result(script, 0, float("nan"))
    lost.plan = script.Plan("lost", "Lost", 10, 1, 64)
    assert "| Lost | 1 | nan |" in script.table([lost, result(script, 0, 101.2)]).splitlines()[-1]


def test_what_is_finished_is_skipped(reproduce: Any, tmp_path: Path, capsys: Any) -> None:
    arguments = ["--images", "80", "--out", str(tmp_path), *SMALL, "model.discriminator_steps=5"]
    reproduce(*arguments, "--methods", "gan")
    (first,) = tmp_path.rglob("last.pt")
    before = first.stat().st_mtime_ns
    reproduce(*arguments, "--methods", "gan,wgan_gp")
    assert first.stat().st_mtime_ns == before
    assert len(list(tmp_path.rglob("last.pt"))) == 2
    with (tmp_path / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    seen = {(row["method"], row["updates"], row["images_seen"]) for row in rows}
    assert seen == {("gan", "2", "80"), ("wgan_gp", "2", "80")}
    assert all(float(row["images_per_second"]) > 0 and float(row["fd_lenet"]) > 0 for row in rows)
    assert "Real images that each run saw: 80." in capsys.readouterr().out
    assert Image.open(tmp_path / "samples.png").size == (2 * (160 + 16 * 29), 30)


def test_a_run_that_saw_another_number_of_images_is_refused(
    script: ModuleType, reproduce: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(script, "batches_per_update", lambda config: 2)
    with pytest.raises(SystemExit, match="saw 40 real images, not 80"):
        reproduce("--images", "80", "--methods", "gan", "--out", str(tmp_path), *SMALL)


def test_a_mistake_on_the_command_line_is_one_sentence(reproduce: Any, capsys: Any) -> None:
    for arguments, sentence in {
        ("--methods", "gann"): "there is no model=gann",
        ("--seeds", "one"): "--seeds one: seeds are whole numbers",
        ("--methods", "gan", "train.log_every=0"): "error: train.log_every must be at least 1, not 0",
        ("--methods", "gan", "data=mnits"): "Did you mean 'mnist'?",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            reproduce(*arguments)
        assert sentence in capsys.readouterr().err
