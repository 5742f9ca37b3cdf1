"""Something computed by two ranks, each in a process of its own, and by one process alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing import spawn

RANKS = 2

Results = dict[str, Tensor]


def _work(rank: int, compute: Callable[[], Results], folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=RANKS)
    torch.save({name: value.detach() for name, value in compute().items()}, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


def on_ranks(compute: Callable[[], Results], folder: Path) -> list[Results]:
    """What `compute`, a module's function, gives on each of RANKS gloo ranks."""
    spawn(_work, (compute, str(folder)), nprocs=RANKS)
    return [torch.load(folder / f"{rank}.pt") for rank in range(RANKS)]


def assert_all_alike(ranks: list[Results], alone: Results) -> None:
    """Each rank's results are those of one process, to 1e-3 and to 1e-4 of each tensor's largest value."""
    for results in ranks:
        assert results.keys() == alone.keys()
        for name, expected in alone.items():
            scale = expected.abs().max().item()
            assert scale > 0
            torch.testing.assert_close(
                results[name],
                expected.detach(),
                rtol=1e-3,
                atol=1e-4 * scale,
                msg=lambda text, name=name: f"{name}: {text}",
            )
