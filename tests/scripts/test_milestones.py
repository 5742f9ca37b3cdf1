"""Published runs on the way to their end."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import pytest
from script_helpers import SCRIPTS, load

from gan_experiments.reports.published import PublishedRun


@pytest.fixture(scope="module")
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        return load("milestones")


def published(folder: Path, model: str, seed: int, *values: float) -> PublishedRun:
    """A run with these values after every 100 images, with a standard error of 0.1."""
    rows = [
        {"step": i, "images_seen": 100 * i, "metrics": {"fd_lenet": value, "fd_se_lenet": 0.1}}
        for i, value in enumerate(values, 1)
    ]
    path = folder / f"{model},{seed}.json"
    settings = {"model": model, "seed": str(seed)}
    document = {"settings": settings, "provenance": {}, "protocol": {}, "floor": {}, "evaluations": rows}
    path.write_text(json.dumps(document))
    return PublishedRun(path)


def test_the_first_evaluation_at_or_after_a_milestone_by_the_last_one(
    script: ModuleType, tmp_path: Path
) -> None:
    runs = [
        published(tmp_path, "short", 0, 1.0),
        published(tmp_path, "gan", 0, 9.0, 7.0, 5.0),
        published(tmp_path, "san", 0, 8.0, 6.0, 3.0),
        published(tmp_path, "san", 1, 8.0, 6.0, 5.0),
    ]
    assert script.table(runs, "fd_lenet", [100, 101, 300]).splitlines() == [
        "| model | seeds | fd_lenet after 100 | fd_lenet after 101 | fd_lenet after 300 |",
        "|---|---|---|---|---|",
        "| san | 2 | 8 ± 0 | 6 ± 0 | 4.0 ± 1.4 |",
        "| gan | 1 | 9.00 ± 0.10 | 7.00 ± 0.10 | 5.00 ± 0.10 |",
        "| short | 1 | 1.00 ± 0.10 |  |  |",
    ]


def test_of_a_figure_of_which_more_is_better_the_largest_is_on_top(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    script.main(["mnist_hundred_epochs", "--images", "6000000", "--figure", "recall_lenet"])
    values = [float(line.split(" | ")[2].strip(" |")) for line in capsys.readouterr().out.splitlines()[2:]]
    assert values == sorted(values, reverse=True)
    assert len(values) > 5


def test_mistakes_are_said(script: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    for words, sentence in {
        ("mnist", "--images", "many"): "--images are whole numbers",
        ("mnist", "--images", "9", "--figure", "fd_cifar"): "the runs of mnist have no fd_cifar",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            script.main(words)
        assert sentence in capsys.readouterr().err
