"""A run, written as the small file of a published one and read back."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from gan_experiments.reports import grouped, tables
from gan_experiments.reports.published import document, is_option, read, short, six_digits
from reporting import make_run

VARIED = {"data": "mnist", "model": "san", "penalty@model.penalties.r1": "-", "optim.lr": "0.1", "seed": "3"}


def test_a_run_comes_back(tmp_path: Path) -> None:
    choices = {"data": "mnist", "model": "san"}
    run = make_run(tmp_path / "run", choices, {"seed": 3}, [{"fd_lenet": 4.0}, {"fd_lenet": 1 / 3}])
    (tmp_path / "one.json").write_text(document(VARIED, run), encoding="utf-8")
    (back,) = read(tmp_path)
    assert (back.name, back.seed, back.status, back.step) == ("san 0.1", "3", "finished", 200)
    assert back.choices == choices
    assert [row["metrics"] for row in back.evaluations] == [{"fd_lenet": 4.0}, {"fd_lenet": 0.333333}]
    assert [(row["step"], row["images_seen"]) for row in back.evaluations] == [(100, 6400), (200, 12800)]
    (ours,), (theirs,) = tables(grouped([back])), tables(grouped([run]))
    assert ours.protocol == theirs.protocol
    assert ours.floor == theirs.floor
    assert ours.rows[0].figures["fd_lenet"].mean == pytest.approx(
        theirs.rows[0].figures["fd_lenet"].mean, rel=1e-6
    )


def test_a_host_is_not_published(tmp_path: Path) -> None:
    run = make_run(tmp_path, {}, {}, [{"fd_lenet": 4.0}])
    (tmp_path / "summary.json").write_text(json.dumps({"provenance": {"host": "secret", "torch": "2.14"}}))
    assert json.loads(document(VARIED, run))["provenance"] == {"torch": "2.14"}


def test_figures_that_json_cannot_hold_are_text_and_long_lists_are_left_out(tmp_path: Path) -> None:
    assert six_digits({"fd": math.nan, "kid": 1 / 3}) == {"fd": "nan", "kid": 0.333333}
    protocol = {"a": {"histogram": [0] * 1000, "digits": [0] * 10}, "generated": 9}
    assert short(protocol) == {"a": {"digits": [0] * 10}, "generated": 9}
    run = make_run(tmp_path / "run", {}, {}, [{"fd_lenet": 4.0}, {"fd_lenet": math.nan}])
    (tmp_path / "one.json").write_text(document(VARIED, run), encoding="utf-8")
    (back,) = read(tmp_path)
    assert math.isnan(back.evaluations[-1]["metrics"]["fd_lenet"])


def test_groups_of_options_are_told_from_settings() -> None:
    assert [key for key in VARIED if is_option(key)] == [
        "data",
        "model",
        "penalty@model.penalties.r1",
        "seed",
    ]
