"""The folders of runs and sweeps, and what decides that two jobs are the same."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from gan_experiments.cli.jobs import free_folder, job_named, portable, sweep_folder
from gan_experiments.errors import UserError
from gan_experiments.terminal import JOB


@pytest.mark.parametrize(("launcher", "name"), [("BasicLauncher", ""), ("JoblibLauncher", "seed=1: ")])
def test_jobs_side_by_side_name_themselves(launcher: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    console = logging.StreamHandler()
    monkeypatch.setattr(logging.getLogger(), "handlers", [console])
    hydra = OmegaConf.create({"launcher": {"_target_": f"plugins.{launcher}"}})
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
    assert settings() == settings(logger={"wandb": {"project": "mine"}})
    assert settings() != settings(seed=2)
    assert settings() != settings(data={"root": "${paths.data}/other"})
