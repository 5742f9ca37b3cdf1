"""A run that was stopped and resumed is the run that was not, bit for bit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from kills import same

import tiny
from gan_experiments.errors import Interrupted, UserError
from gan_experiments.models import Gan
from gan_experiments.training import checkpoint
from gan_experiments.training.run import Run


def state(folder: Path) -> dict[str, Any]:
    loaded = checkpoint.load(folder / "checkpoints" / "last.pt")
    return {key: loaded[key] for key in ("engine", "loader", "rng")}


def resumed(compose: Any, settings: list[str], folder: Path) -> Run:
    """The run that goes on from the folder's last checkpoint."""
    torch.manual_seed(12345)  # what another process would have
    config, record = compose(*settings)
    config.resume = str(folder / "checkpoints" / "last.pt")
    return Run(config, folder, record)


@pytest.mark.processors
@pytest.mark.parametrize("model", [*tiny.MODELS, *tiny.TRANSLATORS])
def test_half_and_half_are_the_whole(model: str, compose: Any, tmp_path: Path) -> None:
    """The second half starts from the checkpoint that the whole wrote on its way."""
    half = 4
    settings = [f"model={model}", "data.image_size=16"]
    if model in tiny.TRANSLATORS:  # the learning rate falls from half of the run on
        settings = [*tiny.translation(tmp_path / "data", model), "train.ema=0.5"]
    if model == "cyclegan":
        settings.append("model.pool=3")  # full when the run stops, and exchanged after
    settings += [f"train.steps={2 * half}", f"train.checkpoint_every={half}"]
    config, record = compose(*settings)
    if isinstance(config.model, Gan):
        settings.append("model.instance_noise=0.1")
        config, record = compose(*settings)
    Run(config, tmp_path / "whole", record).train()

    parts = tmp_path / "parts" / "checkpoints"
    parts.mkdir(parents=True)
    shutil.copy(tmp_path / "whole" / "checkpoints" / f"step_{half:08d}.pt", parts / "last.pt")
    resumed(compose, settings, tmp_path / "parts").train()

    whole = state(tmp_path / "whole")
    assert same(whole, state(tmp_path / "parts"))
    if model == "cyclegan":
        assert {name: pool["count"] for name, pool in whole["engine"]["model"]["pools"].items()} == {
            "a": 3,
            "b": 3,
        }


def test_a_stopped_run_resumes_to_the_bit(compose: Any, tmp_path: Path) -> None:
    settings = ["model=gan", "train.steps=6", "train.checkpoint_every=4"]
    config, record = compose(*settings)
    Run(config, tmp_path / "whole", record).train()
    config, record = compose(*settings)
    run = Run(config, tmp_path / "parts", record)
    stop_at(run, 3)
    with pytest.raises(Interrupted):
        run.train()
    run = resumed(compose, settings, tmp_path / "parts")
    assert run.engine.step == 3
    run.train()
    assert same(state(tmp_path / "whole"), state(tmp_path / "parts"))


def stop_at(run: Run, step: int) -> None:
    """Send the process SIGTERM once `step` updates are done."""
    iterate = run.engine.iterate

    def iterate_and_stop() -> None:
        iterate()
        if run.engine.step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    run.engine.iterate = iterate_and_stop  # type: ignore[method-assign]


@pytest.mark.processors
def test_killed_process_resumes_to_the_bit(compose: Any, tmp_path: Path) -> None:
    settings = ["model=san", "train.steps=12", "train.checkpoint_every=4", "train.log_every=4"]
    config, record = compose(*settings)
    Run(config, tmp_path / "whole", record).train()
    script = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
import tiny, torch
torch.set_num_threads({torch.get_num_threads()})
config, record = tiny.compose(*{settings!r})
from pathlib import Path
from gan_experiments.training.run import Run
run = Run(config, Path({str(tmp_path / "parts")!r}), record)
iterate = run.engine.iterate
def kill_after_six():
    iterate()
    if run.engine.step == 6:
        os.kill(os.getpid(), 9)
run.engine.iterate = kill_after_six
run.train()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == -9, done.stderr
    run = resumed(compose, settings, tmp_path / "parts")
    assert run.engine.step == 4
    run.train()
    assert same(state(tmp_path / "whole"), state(tmp_path / "parts"))


def test_checkpoint_of_other_networks_is_refused(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=gan", "train.steps=2")
    Run(config, tmp_path, record).train()
    config, record = compose("model=gan", "network.width=8")
    config.resume = str(tmp_path / "checkpoints" / "last.pt")
    with pytest.raises(UserError, match="does not fit this run"):
        Run(config, tmp_path, record)
