"""This process's place among the ranks of a data-parallel run; alone, every function is the identity."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")


def initialized() -> bool:
    return dist.is_available() and dist.is_initialized()


def world_size() -> int:
    return dist.get_world_size() if initialized() else 1


def rank() -> int:
    return dist.get_rank() if initialized() else 0


def local_rank() -> int:
    """This rank's place among those of its machine, as the launcher says it."""
    return int(os.environ.get("LOCAL_RANK", "0")) if initialized() else 0


def all_sum(value: Tensor) -> Tensor:
    """The sum of `value` over ranks; its gradient is summed over ranks as well."""
    if world_size() == 1:
        return value
    return _AllSum.apply(value)  # type: ignore[no-any-return]


class _AllSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, value: Tensor) -> Tensor:
        total = value.detach().clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: object, *gradients: Tensor) -> Tensor:
        # Through `all_sum` again, so that a gradient penalty can differentiate the backward pass.
        return all_sum(gradients[0].contiguous())


def gather(value: Tensor) -> Tensor:
    """The rows of all ranks, in the order of the ranks; gradients come back to the rank that gave the rows.

    For a loss that is no mean over samples: each rank computes the whole of it, and the mean over ranks of its
    gradients is the gradient of the whole.
    """
    if world_size() == 1:
        return value
    total = world_size() * len(value)
    rows = torch.arange(total, device=value.device)[local_slice(total)]
    return all_sum(value.new_zeros(total, *value.shape[1:]).index_copy(0, rows, value))


def local_slice(total: int) -> slice:
    """The rows of a global batch of `total` that belong to this rank."""
    share = total // world_size()
    return slice(rank() * share, (rank() + 1) * share)


def share(pieces: int) -> range:
    """Which of `pieces` pieces of work are this rank's: consecutive ones, as evenly as it goes."""
    return range(rank() * pieces // world_size(), (rank() + 1) * pieces // world_size())


def gather_objects(value: T) -> list[T] | None:
    """The values of all ranks, in their order, on the first rank; None on the others."""
    if world_size() == 1:
        return [value]
    values: list[T] | None = [value] * world_size() if rank() == 0 else None
    dist.gather_object(value, values)
    return values


def broadcast(make: Callable[[], T]) -> T:
    """What `make` gives on the first rank, on all ranks."""
    if world_size() == 1:
        return make()
    values = [make() if rank() == 0 else None]
    dist.broadcast_object_list(values)
    return values[0]  # type: ignore[return-value]
