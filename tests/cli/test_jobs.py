"""The folders of runs and sweeps, and what decides that two jobs are the same."""

from __future__ import annotations

import logging
import os
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from gan_experiments.cli.jobs import MAX_NAME, free_folder, job_name, job_named, portable, sweep_folder
from gan_experiments.errors import UserError
from gan_experiments.terminal import JOB


def test_job_name_is_the_sorted_overrides() -> None:
    overrides = ["seed=0", "+model=san", "sweep=first", "paths.outputs=/x", "resume=auto", "paths.data=/y"]
    assert job_name(overrides) == "+model=san,seed=0"
    assert job_name(["sweep=first"]) == "defaults"


def test_unusual_characters_and_long_names_end_in_a_hash() -> None:
    assert job_name(["data.root=/a/b"]) != job_name(["data.root=_a_b"])
    assert job_name(["data.root=/a/b"]).startswith("data.root=_a_b-")
    long = job_name([f"model.setting_{i}=1" for i in range(50)])
    assert len(long.encode()) == MAX_NAME
    assert long.startswith("model.setting_0=1,")


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4),
    st.lists(st.text(string.printable + "éß猫", max_size=80), max_size=4),
)
def test_job_name_is_a_safe_folder_name(one: list[str], other: list[str]) -> None:
    names = [job_name([f"k{i}={value}" for i, value in enumerate(values)]) for values in (one, other)]
    for name in names:
        assert len(name.encode()) <= MAX_NAME
        assert not set(name) & set("/\\ \n\0'\"")
    assert (names[0] == names[1]) == (one == other)


@pytest.mark.parametrize(("launcher", "name"), [("basic", ""), ("joblib", "seed=1: ")])
def test_jobs_side_by_side_name_themselves(launcher: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    console = logging.StreamHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [console])
    hydra = OmegaConf.create({"runtime": {"choices": {"hydra/launcher": launcher}}})
    with job_named(hydra, "seed=1"):
        assert console.format(logging.makeLogRecord({"msg": "step 1"})) == f"{name}step 1"
        assert (JOB in os.environ) == bool(name)
    assert JOB not in os.environ


def test_free_folder(tmp_path: Path) -> None:
    folders = [free_folder(tmp_path / "a" / "b" / "run") for _ in range(3)]
    assert [folder.name for folder in folders] == ["run", "run-2", "run-3"]
    assert all(folder.is_dir() for folder in folders)


def test_sweep_folder() -> None:
    assert sweep_folder(Path("outputs/sweeps"), "lr_1e-3") == Path("outputs/sweeps/lr_1e-3")
    for name in ("a/b", "../a", "", " a", "a\nb", ".."):
        with pytest.raises(UserError, match="a sweep's name is a folder's name"):
            sweep_folder(Path("outputs"), name)


def settings(**changes: Any) -> dict[str, Any]:
    cfg = {
        "seed": 1,
        "paths": {"data": "/a", "outputs": "x"},
        "data": {"root": "${paths.data}/mnist"},
        "resume": None,
        "sweep": "first",
    }
    return portable(OmegaConf.create({**cfg, **changes}))


def test_portable_settings_ignore_places_and_names() -> None:
    assert settings() == settings(paths={"data": "/b", "outputs": "y"}, resume="z", sweep="second")
    assert settings() != settings(seed=2)
    assert settings() != settings(data={"root": "${paths.data}/other"})
