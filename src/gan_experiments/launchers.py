"""What torchrun or SLURM's srun has told this process: its place among the ranks of one run. Read without torch."""

from __future__ import annotations

import os
import re

PORTS = range(20_000, 30_000)  # of which a SLURM step takes one, by its numbers


def world_size() -> int:
    """How many processes a launcher has started as the ranks of one run; 1 for a process of its own.

    The tasks of an srun step are given the variables of torchrun, which PyTorch reads.
    """
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1:
        for name, value in slurm_ranks(os.environ).items():
            os.environ.setdefault(name, value)
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def local_world_size() -> int:
    """How many of them were started on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def slurm_ranks(variables: os._Environ[str] | dict[str, str]) -> dict[str, str]:
    """torchrun's variables from those of a task of an srun step. Raises UserError where one is missing."""
    try:
        job, step = int(variables["SLURM_JOB_ID"]), int(variables["SLURM_STEP_ID"])
        tasks = _expanded(variables["SLURM_STEP_TASKS_PER_NODE"])
        return {
            "RANK": variables["SLURM_PROCID"],
            "WORLD_SIZE": variables["SLURM_STEP_NUM_TASKS"],
            "LOCAL_RANK": variables["SLURM_LOCALID"],
            "LOCAL_WORLD_SIZE": str(tasks[int(variables["SLURM_NODEID"])]),
            "MASTER_ADDR": first_host(variables["SLURM_STEP_NODELIST"]),
            "MASTER_PORT": str(PORTS[(10 * job + step) % len(PORTS)]),
            "OMP_NUM_THREADS": variables.get("SLURM_CPUS_PER_TASK", "1"),
        }
    except KeyError as error:
        from gan_experiments.errors import UserError  # which imports Hydra: --help does without

        raise UserError(f"this is a task of srun without the variable {error.args[0]}") from error


def first_host(nodes: str) -> str:
    """The first name of a list of hosts as SLURM writes it: `gpu[03-05,7]-ib,other`."""
    return re.sub(r"\[(\w+)[^]]*\]", r"\1", re.split(r",(?![^[]*\])", nodes)[0])


def _expanded(counts: str) -> list[int]:
    """`2(x3),1` as [2, 2, 2, 1]."""
    parts = re.findall(r"(\d+)(?:\(x(\d+)\))?", counts)
    return [int(count) for count, times in parts for _ in range(int(times or 1))]
