"""A GPU of its own for each of the jobs that a launcher runs side by side on one machine."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

from gan_experiments.errors import UserError
from gan_experiments.locking import locked

JOBS = 1000  # side by side, at most

kept = ExitStack()  # this process's place among the jobs, which it has until it ends


def take(wanted: int) -> None:
    """Let this process see `wanted` GPUs alone, which no other job of this user's has taken on this machine.

    Where there are not enough, jobs share them evenly. To be called before anything uses CUDA; a worker that runs
    several jobs keeps what it has taken for the first.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = [gpu for gpu in visible.split(",") if gpu] if visible is not None else _all()
    place = _place() if len(gpus) > wanted else None
    if place is not None:
        chosen = [gpus[(place * wanted + index) % len(gpus)] for index in range(wanted)]
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(chosen)


def _all() -> list[str]:
    import torch

    return [str(number) for number in range(torch.cuda.device_count())]


def _place() -> int | None:
    """The first number that no other job has; None where nothing can be locked."""
    from gan_experiments.data.files import user_folder  # beside torch, which completion does without

    for number in range(JOBS):
        try:
            kept.enter_context(locked(user_folder() / "jobs" / socket.gethostname() / str(number)))
        except UserError:
            continue
        return number
    return None
