"""Ranks that torchrun or srun start: two "machines" on loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from kills import outcome, same

import tiny
from gan_experiments import launchers
from gan_experiments.config import Config
from gan_experiments.errors import Interrupted, UserError
from gan_experiments.training import checkpoint, launch, ranks, run

RUN = ["model=gan", "network=mlp", "data.image_size=16", "metrics=lenet", "metrics.samples=20", "train.steps=6",
       "train.log_every=1", "train.sample_every=3", "train.evaluate_every=3"]  # fmt: skip
TRAIN = ["-m", "gan_experiments.cli.train"]


def differences(left: Path, right: Path) -> list[str]:
    first, second = outcome(left), outcome(right)
    return [key for key in first if not same(first[key], second[key])]


def tiny_config(folder: Path, *overrides: str) -> tuple[Config, Path, dict[str, Any]]:
    """The arguments of `run`."""
    config, record = tiny.compose(*overrides)
    return config, folder, record


def started(command: list[str], **variables: str) -> subprocess.Popen[str]:
    """On one thread, as each rank of gpu.devices=2 has here: sums on two are of another order."""
    variables = {"OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def srun(*words: str, nodes: int = 2) -> list[tuple[int, str]]:
    """Exit code and output of the tasks of an srun step, one on each of `nodes` machines."""
    tasks = [
        started(
            [sys.executable, *TRAIN, *words],
            SLURM_JOB_ID=str(os.getpid()),
            SLURM_STEP_ID="0",
            SLURM_STEP_NUM_TASKS=str(nodes),
            SLURM_STEP_TASKS_PER_NODE=f"1(x{nodes})",
            SLURM_STEP_NODELIST="localhost,b[1-7]",
            SLURM_PROCID=str(rank),
            SLURM_NODEID=str(rank),
            SLURM_LOCALID="0",
        )
        for rank in range(nodes)
    ]
    outputs = [task.communicate(timeout=120)[0] for task in tasks]
    return [(task.returncode, output) for task, output in zip(tasks, outputs, strict=True)]


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run with gpu.devices=2."""
    folder = tmp_path_factory.mktemp("two")
    run(*tiny_config(folder, *RUN, "gpu.devices=2"))
    return folder


@pytest.mark.faults
def test_tasks_of_srun_are_the_ranks_of_one_run(tmp_path: Path) -> None:
    settings = ["model=gan", "network=mlp", "optim=sgd", "train.log_every=1"]
    folder, alone = tmp_path / "run", tmp_path / "alone"
    (code, output), other = srun(*tiny.overridden(*settings), f"hydra.run.dir={folder}")
    assert code == 0, output
    assert other == (0, "")
    log = (folder / "train.log").read_text()
    assert [log.count(f"step {step}/4 ") for step in range(1, 5)] == [1] * 4
    alone.mkdir()
    run(*tiny_config(alone, *settings))
    left, right = (
        checkpoint.load(one / "checkpoints" / "last.pt")["engine"]["networks"] for one in (folder, alone)
    )
    torch.testing.assert_close(left, right, rtol=2e-4, atol=2e-5)


@pytest.mark.faults
def test_their_bits_are_those_of_two_devices(two_devices: Path, tmp_path: Path) -> None:
    assert [code for code, _ in srun(*tiny.overridden(*RUN), f"hydra.run.dir={tmp_path / 'run'}")] == [0, 0]
    assert differences(tmp_path / "run", two_devices) == []


@pytest.mark.faults
def test_a_mistake_is_said_once_and_ends_all_tasks() -> None:
    (code, output), other = srun("model=gam")
    assert (code, other) == (2, (2, ""))
    assert "Did you mean 'gan'" in output


def test_a_world_that_does_not_fit_is_refused_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    config, _ = tiny.compose("model=gan")
    with pytest.raises(UserError, match="train.batch_size=8 cannot be divided by 3 processes"):
        launch.check(config)
    config, _ = tiny.compose("model=gan", "gpu.devices=2", "train.batch_size=6")
    with pytest.raises(UserError, match="gpu.devices=2, and the launcher has started 3 of 3 processes"):
        launch.check(config)


def torchrun(node: int, port: int, *words: str) -> subprocess.Popen[str]:
    """The launcher of one of two machines, which starts one rank."""
    rendezvous = ["--rdzv-backend=c10d", f"--rdzv-endpoint=localhost:{port}", "--rdzv-id=test"]
    options = ["--nnodes=2", "--nproc-per-node=1"]
    local = ["--local-addr=localhost", f"--node-rank={node}"]
    return started(
        [sys.executable, "-m", "torch.distributed.run", *options, *rendezvous, *local, *TRAIN, *words]
    )


@pytest.mark.faults
def test_torchrun_starts_one_run(two_devices: Path, tmp_path: Path, free_port: int) -> None:
    folder = tmp_path / "run"
    words = [*tiny.overridden(*RUN), f"hydra.run.dir={folder}"]
    agents = [torchrun(node, free_port, *words) for node in range(2)]
    outputs = [agent.communicate(timeout=180)[0] for agent in agents]
    assert [agent.returncode for agent in agents] == [0, 0], "\n#####\n".join(outputs)
    assert differences(folder, two_devices) == []


@pytest.fixture
def free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], tuple[int, list[Any]]]:
    """How a second rank ends whose first run ends so: its exit code, and what of the first rank's words it leaves."""

    def ended(error: Exception) -> tuple[int, list[Any]]:
        def train(*_: Any) -> None:
            raise error

        words = [("config", "folder", "record"), 1]
        rank = ranks.World.__new__(ranks.World)
        rank.rank, rank.store = 1, dist.HashStore()
        monkeypatch.setattr(rank, "_hear", lambda: words.pop(0))
        monkeypatch.setattr(rank, "_train", train)
        monkeypatch.setattr(signal, "signal", lambda *_: None)  # of this process, which is pytest's
        return rank.follow(), words

    return ended


def test_a_rank_says_what_its_own_machine_lacks(second: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert second(UserError("no data here")) == (1, [])
    assert capsys.readouterr().err == "rank 1: error: no data here\n"


def test_a_rank_that_is_stopped_leaves_after_the_first(second: Any) -> None:
    """Launchers kill the others when one has ended: the first is to have written what became of the run."""
    assert second(Interrupted(signal.SIGTERM, Path("last.pt"))) == (143, [])


def test_ranks_that_nobody_has_joined_train_no_copies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(UserError, match="without a parallel launcher"):
        run(*tiny_config(tmp_path, "model=gan"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("gpu01", "gpu01"), ("gpu[03-05,7]-ib,other", "gpu03-ib"), ("a,b[1-2]", "a"), ("n[7]", "n7")],
)
def test_the_first_host_of_slurms_lists(nodes: str, first: str) -> None:
    assert launchers.first_host(nodes) == first


def test_slurms_variables_as_torchruns() -> None:
    step = {"SLURM_JOB_ID": "1234", "SLURM_STEP_ID": "2", "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
            "SLURM_STEP_NUM_TASKS": "5", "SLURM_PROCID": "4", "SLURM_LOCALID": "0", "SLURM_NODEID": "2",
            "SLURM_STEP_NODELIST": "n[3-5]", "SLURM_CPUS_PER_TASK": "8"}  # fmt: skip
    assert launchers.slurm_ranks(step) == {
        "RANK": "4", "WORLD_SIZE": "5", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1", "MASTER_ADDR": "n3",
        "MASTER_PORT": "22342", "OMP_NUM_THREADS": "8",
    }  # fmt: skip
    del step["SLURM_NODEID"]
    with pytest.raises(UserError, match="without the variable SLURM_NODEID"):
        launchers.slurm_ranks(step)
