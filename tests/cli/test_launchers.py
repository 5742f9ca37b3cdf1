"""What Hydra's launchers for clusters do with the jobs of a sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.types import RunMode

import tiny
from gan_experiments.cli.composing import composer
from gan_experiments.runs import RunFolder

SWEEP = ["-m", "hydra/launcher=submitit_local", "sweep=first", "seed=0"]


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the job in /proc")
@pytest.mark.parametrize("devices", [1, 2])
def test_a_job_that_is_preempted_saves_itself_and_is_queued_again(devices: int, tmp_path: Path) -> None:
    pytest.importorskip("submitit", reason="needs hydra-submitit-launcher")
    words = tiny.overridden("model=gan", "network=mlp", "train.steps=1000", "train.checkpoint_every=50")
    words += [f"gpu.devices={devices}", f"paths.outputs={tmp_path}"]
    command = [sys.executable, "-m", "gan_experiments.cli.train", *SWEEP, *words]
    sweep = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    folder = tmp_path / "sweeps" / "first"
    while not list(folder.glob("*/checkpoints/step_00000050.pt")):
        assert sweep.poll() is None, sweep.communicate()[0]
        time.sleep(0.05)
    (controller,) = [path.name for path in (folder / ".submitit").iterdir() if path.name.isdigit()]
    (task,) = Path(f"/proc/{controller}/task/{controller}/children").read_text().split()
    os.kill(int(task), signal.SIGUSR2)
    output, _ = sweep.communicate(timeout=300)
    assert sweep.returncode == 0, output
    (run,) = [path.parent for path in folder.glob("*/summary.json")]
    assert (RunFolder(run).status, RunFolder(run).summary["step"]) == ("finished", 1000)
    log = (run / "train.log").read_text()
    assert "stopped by SIGUSR2; resume=" in log
    assert "resumed" in log.partition("stopped by SIGUSR2")[2]


def test_slurm_gives_each_job_a_gpu_and_queues_it_again() -> None:
    pytest.importorskip("submitit", reason="needs hydra-submitit-launcher")
    with composer() as hydra:
        launcher = hydra.compose_config("train", ["hydra/launcher=slurm"], RunMode.MULTIRUN).hydra.launcher
    assert launcher._target_.endswith("SlurmLauncher")
    assert (launcher.gpus_per_node, launcher.max_num_timeout > 0) == (1, True)


def test_slurm_without_its_plugin(gan_train: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ConfigStore.instance().repo["hydra"], "launcher", {})
    result = gan_train("-cd", ".", "-m", "hydra/launcher=slurm", "seed=0,1")  # another folder: composed anew
    assert (result.code, result.err) == (
        2,
        'gan-train: error: hydra/launcher=submitit_slurm needs a plugin: pip install "gan-experiments[submitit]"\n',
    )
