"""The published tables: what is declared composes, and a table on tiny data is written and goes on where it stopped."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from PIL import Image
from script_helpers import SCRIPTS, load

import tiny
from gan_experiments.cli import train

SMALL = ["train.batch_size=8", "train.evaluate_every=2", "gpu=cpu"]
DIGITS = [*SMALL, "data=digits", "data.image_size=16", "network.width=4", "train.images=32"]
DIGITS += ["metrics.samples=20", "metrics.real=30"]
POINTS = [*SMALL, "network.width=4", "data.samples=500", "metrics.samples=50", "train.steps=2"]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("reproduce")


@pytest.fixture
def reproduce(script: ModuleType) -> Iterator[Any]:
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    yield lambda *arguments: script.main(arguments)
    root.level, root.handlers[:] = before


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What gan-train is called with, in place of training."""
    called: list[list[str]] = []
    monkeypatch.setattr(train, "main", lambda words: called.append(words) or 0)
    return called


def test_every_table_composes(script: ModuleType) -> None:
    for name, table in script.declared().items():
        methods = (
            table.methods if name == "cifar10" else table.methods[:1]
        )  # the others' recipes have tests of their own
        for words in table.sweeps("METHOD", "0", []):
            for method in methods:
                tiny.compose(*(word.replace("METHOD", method) for word in words))


def test_a_table_has_the_methods_of_its_recipe(script: ModuleType) -> None:
    tables = script.declared()
    recipes = {
        "mnist": "mnist",
        "mnist_ten_epochs": "mnist",
        "mnist_r1": "mnist_r1",
        "mnist_hundred_epochs": "mnist",
        "mnist_three_hundred_epochs": "mnist",
        "coverage": "points",
        "cifar10": "cifar10_small",
        "cifar10_rates": "cifar10_r1",
        "cifar10_spectral": "cifar10_small",
        "cifar10_restraint": "cifar10_small",
        "cifar10_long": "cifar10_small",
        "cifar10_width": "cifar10_r1",
        "modes": "modes",
        "gngan_talk": "gngan_talk",
        "gngan_terms": "gngan_talk",
    }
    of_few_methods = {
        "coverage",
        "mnist_r1",
        "mnist_hundred_epochs",
        "mnist_three_hundred_epochs",
        "cifar10_rates",
        "cifar10_spectral",
        "cifar10_restraint",
        "cifar10_long",
        "cifar10_width",
    }
    assert recipes.keys() == tables.keys() - {"stacked"}  # whose settings stand in the table itself
    for name, recipe in recipes.items():
        own = {file.stem for file in (tiny.CONF / "experiment").glob(f"{recipe}/*.yaml")}
        if name not in of_few_methods:
            assert own <= {*tables[name].methods}
        assert {*tables[name].methods} <= {*tiny.MODELS}


def test_a_part_may_have_a_model_of_its_own(script: ModuleType) -> None:
    words, *others, base = script.declared()["gngan_terms"].sweeps("METHOD", "0", ["model.latent_dim=4"])
    assert [word for word in words if word.startswith("model=")] == ["model=METHOD"]
    assert [word for word in base if word.startswith("model=")] == ["model=gan"]
    assert all(part[-1] == "model.latent_dim=4" for part in (words, *others, base))


def test_methods_of_points_have_the_same_networks_and_optimiser(script: ModuleType) -> None:
    words, *_ = script.declared()["coverage"].sweeps("METHOD", "0", [])
    budgets = set()
    for method in ("gan", "sngan", "r3gan", "san", "veegan", "wgan_gp"):
        settings = tiny.compose(*(word.replace("METHOD", method) for word in words))[1]["config"]
        budgets.add(json.dumps([settings["network"], settings["optim"], settings["train"]]))
    assert len(budgets) == 1


def test_the_command_line_wins_over_the_table(
    reproduce: Any, commands: list[list[str]], tmp_path: Path
) -> None:
    words = ["--methods", "gan", "--seeds", "0,1", "--out", str(tmp_path), "--jobs", "2", "train.steps=5"]
    assert reproduce("coverage", *words) == 0
    end = ["model=gan", "seed=0,1", "train.steps=5", "sweep=coverage", f"paths.outputs={tmp_path}"]
    end += ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]
    assert commands == [
        ["-m", "experiment=points", "data=ring", *end],
        ["-m", "experiment=points", "data=grid", "train.sample_every=6000", *end],
        ["-m", "experiment=points", "data=mixture1200", "network.width=128", "train.sample_every=1000", *end],
    ]


def test_a_table_goes_on_where_it_stopped(reproduce: Any, tmp_path: Path, capsys: Any) -> None:
    words = ["mnist", "--out", str(tmp_path), "--seeds", "3", *DIGITS]
    assert reproduce(*words, "--methods", "gan") == 0
    (first,) = tmp_path.rglob("last.pt")
    before = first.stat().st_mtime_ns
    assert reproduce(*words, "--methods", "gan,wgan_gp") == 0
    assert first.stat().st_mtime_ns == before
    text = (tmp_path / "results.md").read_text()
    head, _, *rows = [line for line in text.splitlines() if line.startswith("|")]
    assert head == (
        "| model | seeds | fd_lenet | precision_lenet | recall_lenet | density_lenet | coverage_lenet | mode_kl_lenet "
        "| updates | images | training_seconds | cpu_seconds |"
    )
    cells = [[cell.strip(" *") for cell in row.split("|")[1:-1]] for row in rows]
    assert {(line[0], line[1], line[8], line[9]) for line in cells[:2]} == {
        ("gan", "1", "4", "32"), ("wgan_gp", "1", "4", "32")
    }  # fmt: skip
    assert float(cells[0][2]) <= float(cells[1][2])
    assert cells[2][0] == "real images"
    assert "Two student talks" in text
    assert text.strip() in capsys.readouterr().out
    assert Image.open(tmp_path / "samples.png").size == (130 + 16 * 17, 2 * 17)
    files = sorted((tmp_path / "data").iterdir())
    assert [file.name for file in files] == [
        f"data=digits,model={model},seed=3.json" for model in ("gan", "wgan_gp")
    ]
    run = json.loads(files[0].read_text())
    assert run["settings"] == {"data": "digits", "model": "gan", "seed": "3"}
    assert [row["images_seen"] for row in run["evaluations"]] == [16, 32]
    assert run["evaluations"][1]["metrics"]["fd_lenet"] == pytest.approx(
        json.loads((first.parents[1] / "metrics.jsonl").read_text().splitlines()[1])["metrics"]["fd_lenet"],
        1e-5,
    )
    assert "host" not in run["provenance"]
    assert str(tmp_path) not in files[0].read_text()


def test_published_lines_stand_below_ours_in_the_table_of_their_data(reproduce: Any, tmp_path: Path) -> None:
    assert reproduce("coverage", "--methods", "gan", "--seeds", "0", "--out", str(tmp_path), *POINTS) == 0
    tables = (tmp_path / "results.md").read_text().split("\n\n")[1:4]
    published = {"grid": "24.6 | 0.4", "mixture1200": "5.5 | 0.2829", "ring": "8 | 0.529"}
    for table, (data, figures) in zip(tables, published.items(), strict=True):
        assert (
            table.splitlines()[0]
            == "| data | seeds | modes | high_quality | reverse_kl | updates | cpu_seconds |"
        )
        assert re.match(rf"\| {data} \| 1 \| \d", table.splitlines()[2])
        assert table.splitlines()[-1] == f"| *VEEGAN* |  | {figures} |  |  |  |"
    assert Image.open(tmp_path / "samples.png").size == (130 + 3 * 241, 241)


def test_a_mistake_is_one_sentence(reproduce: Any, tmp_path: Path, capsys: Any) -> None:
    for words, sentence in {
        ("mnist", "--methods", "gann"): "there is no model=gann",
        ("mnist", "train.log_every=0"): "train.log_every must be at least 1, not 0",
        ("mnist", "data=mnits"): "Did you mean 'mnist'?",
    }.items():
        assert reproduce(*words, "--out", str(tmp_path)) == 2
        assert sentence in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        reproduce("mnits")
    assert "invalid choice: 'mnits'" in capsys.readouterr().err


def test_the_documentation_names_tables_that_there_are(script: ModuleType) -> None:
    pages = [*(SCRIPTS.parent / "docs").rglob("*.md"), SCRIPTS.parent / "README.md"]
    named = [name for page in pages for name in re.findall(r"reproduce\.py (\w+)", page.read_text())]
    assert {*named} - {"NAME"} == {*script.declared()}
