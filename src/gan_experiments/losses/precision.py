"""Arithmetic that 16 bits are too coarse for: distances, kernels, contrasts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from torch import Tensor

from gan_experiments.networks.layers import at_least_float32, full_precision

Result = TypeVar("Result")


def in_float32(function: Callable[..., Result]) -> Callable[..., Result]:
    """`function` of tensors, the first of which comes by its place, computed in float32 also under autocast.

    Its floating tensors come in as float32; float64 stays.
    """

    @wraps(function)
    def precise(*args: Any, **kwargs: Any) -> Result:
        like = next(value for value in args if isinstance(value, Tensor))
        with full_precision(like):
            return function(*map(_raised, args), **{name: _raised(value) for name, value in kwargs.items()})

    return precise


def _raised(value: Any) -> Any:
    return at_least_float32(value) if isinstance(value, Tensor) and value.is_floating_point() else value
