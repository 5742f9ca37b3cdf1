"""Which runs belong together, and what a group is called."""

from __future__ import annotations

import json
from pathlib import Path

from gan_experiments.reports import grouped
from reporting import make_run


def test_seeds_of_the_same_settings_are_one_group(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / f"{m}{s}", {"model": m}, {"seed": s}) for m in ("gan", "san") for s in (0, 1, 2)
    ]
    groups = grouped(runs)
    assert [group.name for group in groups] == ["model=gan", "model=san"]
    assert [len(group.runs) for group in groups] == [3, 3]


def test_the_later_run_of_a_seed_counts(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / name, {"model": "gan"}, {"seed": 0}) for name in ("first", "second")]
    (group,) = grouped(runs)
    assert group.runs == [runs[1]]
    assert group.name == "second"


def test_companions_of_the_model_do_not_stand_in_the_label(tmp_path: Path) -> None:
    choices = [{"model": "gan", "loss": "minimax"}, {"model": "san", "loss": "hinge"}]
    groups = grouped(make_run(tmp_path / one["model"], one, {}) for one in choices)
    assert [group.label for group in groups] == [{"model": "gan"}, {"model": "san"}]


def test_settings_tell_apart_what_options_do_not(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", {"model": "gan"}, {"optim": {"lr": 1e-4}}),
        make_run(tmp_path / "b", {"model": "gan"}, {"optim": {"lr": 2e-4}}),
        make_run(tmp_path / "c", {"model": "san"}, {"optim": {"lr": 1e-3}}),
    ]
    names = [group.name for group in grouped(runs)]
    assert names == ["model=gan optim.lr=0.0001", "model=gan optim.lr=0.0002", "model=san"]
    # In a table's column every group has its value, and those that know no such setting none.
    assert [group.value("optim.lr") for group in grouped(runs)] == ["0.0001", "0.0002", "0.001"]
    assert [group.value("optim.momentum") for group in grouped(runs)] == ["", "", ""]


def test_the_experiment_that_named_the_settings_does_not_part_groups(tmp_path: Path) -> None:
    recipe = {"experiment": "mnist", "experiment/mnist": "gan"}
    one = make_run(tmp_path / "a", {"model": "gan", **recipe}, {"seed": 0})
    other = make_run(tmp_path / "b", {"model": "gan"}, {"seed": 1})
    assert len(grouped([one, other])) == 1


def test_how_updates_are_launched_does_not_part_groups(tmp_path: Path) -> None:
    gpus = [{}, {"graphs": False, "checkpointing": False}, {"graphs": True, "checkpointing": False}]
    runs = [
        make_run(tmp_path / str(seed), {"model": "gan"}, {"seed": seed, "gpu": gpu})
        for seed, gpu in enumerate(gpus)
    ]
    assert len(grouped(runs)) == 1
    runs.append(make_run(tmp_path / "3", {"model": "gan"}, {"seed": 3, "gpu": {"precision": "bf16"}}))
    assert len(grouped(runs)) == 2


def test_a_precision_that_was_chosen_by_the_machine_is_what_it_came_to(tmp_path: Path) -> None:
    runs = []
    for seed, (said, was) in enumerate(
        [("auto", "bf16"), ("bf16", "bf16"), ("auto", "fp32"), ("auto", None)]
    ):
        runs.append(make_run(tmp_path / str(seed), {}, {"seed": seed, "gpu": {"precision": said}}))
        (tmp_path / str(seed) / "summary.json").write_text(
            json.dumps({"provenance": was and {"precision": was}})
        )
    found = [(group.settings["gpu.precision"], len(group.runs)) for group in grouped(runs)]
    assert found == [("bf16", 2), ("fp32", 1), ("auto", 1)]


def test_a_run_made_before_a_setting_was_added_belongs_to_those_with_its_old_value(tmp_path: Path) -> None:
    networks = [{"width": 4}, {"width": 4, "spectral_scale": 1.0}, {"width": 4, "spectral_scale": 4.0}]
    runs = [
        make_run(tmp_path / str(seed), {"model": "san"}, {"seed": seed, "network": network})
        for seed, network in enumerate(networks)
    ]
    assert [len(group.runs) for group in grouped(runs)] == [2, 1]
    trains = [{"steps": 2}, {"steps": 2, "accumulate": 1}]
    runs = [
        make_run(tmp_path / f"train{seed}", {}, {"seed": seed, "train": train})
        for seed, train in enumerate(trains)
    ]
    assert [len(group.runs) for group in grouped(runs)] == [2]
