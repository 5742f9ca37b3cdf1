"""Kills at every operation on files and at random moments (kills.py says what is compared)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kills import outcome, same

import tiny

SCRIPT = Path(__file__).with_name("kills.py")
RUN = tiny.overridden("model=gan", "network=mlp", "data.image_size=16", "metrics=lenet", "metrics.samples=20",
                      "train.steps=40", "train.log_every=1", "train.checkpoint_every=10", "train.sample_every=20",
                      "train.evaluate_every=20", "gpu.devices=2")  # fmt: skip


def survived(folder: Path, *arguments: str) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), str(folder), *arguments], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip
    print(done.stdout)
    assert done.returncode == 0, done.stdout
    assert "all survived" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_a_sample_of_kills(tmp_path: Path) -> None:
    survived(tmp_path, "--sample", "3")


@pytest.mark.faults
def test_every_kill(tmp_path: Path) -> None:
    survived(tmp_path)


def gan_train(*words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gan_experiments.cli.train", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def ranks_of(launcher: int) -> list[int]:
    """The processes that run the ranks, in their order."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    assert gan_train(*RUN, f"hydra.run.dir={folder}").wait() == 0
    return folder


@pytest.mark.faults
@pytest.mark.skipif(sys.platform != "linux", reason="looks for the ranks in /proc")
@pytest.mark.parametrize("moment", range(2))
@pytest.mark.parametrize("victim", [-1, 0, 1])  # the launcher, the first rank, the second
def test_a_launched_run_goes_on_after_a_kill(victim: int, moment: int, whole: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    launcher = gan_train(*RUN, f"hydra.run.dir={run}")
    while not (run / "checkpoints" / "step_00000010.pt").exists():
        time.sleep(0.01)
    time.sleep(random.Random(10 * victim + moment).uniform(0, 0.5))
    ranks = ranks_of(launcher.pid)
    os.kill(launcher.pid if victim < 0 else ranks[victim], signal.SIGKILL)
    _, error = launcher.communicate()
    if victim >= 0:
        assert launcher.returncode == 1
        assert error.startswith(f"gan-train: error: rank {victim} failed: Signal 9 (SIGKILL)")
        assert f"the last good checkpoint is {run}/checkpoints/last.pt" in error
    assert "Traceback" not in error
    while True:  # ranks whose launcher was killed save what they have, and nobody else may write until then
        again = gan_train(f"resume={run}")
        _, error = again.communicate()
        if again.returncode == 0:
            break
        assert "is training in" in error
    assert not [rank for rank in ranks if Path(f"/proc/{rank}").exists()]
    expected, found = outcome(whole), outcome(run)
    assert [key for key in expected if not same(expected[key], found[key])] == []
