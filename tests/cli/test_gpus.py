from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from gan_experiments.cli import gpus


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return monkeypatch


def job(machine: pytest.MonkeyPatch, visible: str, wanted: int) -> tuple[str, ExitStack]:
    """What a new process that sees the GPUs `visible` has taken; closing the stack is its end."""
    machine.setenv("CUDA_VISIBLE_DEVICES", visible)
    machine.setattr(gpus, "kept", ExitStack())
    gpus.take(wanted)
    return os.environ["CUDA_VISIBLE_DEVICES"], gpus.kept


def test_each_job_has_a_gpu_until_there_are_more_jobs_than_gpus(machine: pytest.MonkeyPatch) -> None:
    jobs = [job(machine, "4,GPU-5,6", 1) for _ in range(5)]
    assert [visible for visible, _ in jobs] == ["4", "GPU-5", "6", "4", "GPU-5"]
    jobs[1][1].close()
    again, stack = job(machine, "4,GPU-5,6", 1)
    assert again == "GPU-5"
    for _, one in (*jobs, (again, stack)):
        one.close()


def test_jobs_of_several_gpus(machine: pytest.MonkeyPatch) -> None:
    jobs = [job(machine, "0,1,2,3,4", 2) for _ in range(3)]
    assert [visible for visible, _ in jobs] == ["0,1", "2,3", "4,0"]
    for _, one in jobs:
        one.close()


def test_a_worker_keeps_what_it_has(machine: pytest.MonkeyPatch) -> None:
    first, stack = job(machine, "0,1", 1)
    gpus.take(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == first == "0"
    stack.close()


@pytest.mark.parametrize("visible", ["", "7"])
def test_where_there_is_no_choice_nothing_is_taken(
    visible: str, machine: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert job(machine, visible, 1)[0] == visible
    assert not list(tmp_path.iterdir())
