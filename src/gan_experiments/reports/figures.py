"""A figure over several seeds, and when one figure is better than another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gan_experiments.figures import direction, number


@dataclass(frozen=True)
class Estimate:
    """The mean of a figure over `count` seeds, its standard error and its standard deviation over seeds.

    The error is that of the mean over seeds, but no less than what the single evaluations say of themselves; None
    where neither is known. `spread` is None for one seed. Seeds whose figure is not finite do not count; where none
    is, the mean is NaN.
    """

    mean: float
    error: float | None
    spread: float | None
    count: int

    @classmethod
    def of(cls, values: list[float], errors: list[float | None]) -> Estimate:
        """From one value a seed, and the standard error of each evaluation where it has one."""
        pairs = [(value, error) for value, error in zip(values, errors, strict=True) if math.isfinite(value)]
        if not pairs:
            return cls(math.nan, None, None, 0)
        values = [value for value, _ in pairs]
        known = [error for _, error in pairs if error is not None and math.isfinite(error)]
        own = math.hypot(*known) / len(known) if known else None
        if len(values) < 2:
            return cls(values[0], own, None, 1)
        mean = math.fsum(value / len(values) for value in values)  # so that no sum overflows
        spread = math.hypot(*(value - mean for value in values)) / math.sqrt(len(values) - 1)
        return cls(mean, max(spread / math.sqrt(len(values)), own or 0.0), spread, len(values))

    @property
    def beside(self) -> float | None:
        """What stands after ±: the deviation over seeds, or for one seed the evaluation's standard error."""
        return self.spread if self.spread is not None else self.error

    def __str__(self) -> str:
        text = number(self.mean, self.beside)
        return text if self.beside is None else f"{text} ± {number(self.beside, self.beside)}"


def leaders(name: str, estimates: Mapping[int, Estimate]) -> set[int]:
    """The best of the estimates and those that it does not beat by more than two standard errors.

    Empty where nothing can be said: the figure has no direction, an error is unknown, or none is beaten.
    """
    sign = direction(name)
    errors = {key: one.error for key, one in estimates.items() if one.error is not None}
    finite = {key: sign * one.mean for key, one in estimates.items() if math.isfinite(one.mean)}
    if sign == 0 or not finite or len(errors) < len(estimates):
        return set()
    best = max(finite, key=lambda key: finite[key])
    near = {k for k in finite if finite[best] - finite[k] <= 2 * math.hypot(errors[best], errors[k])}
    return near if len(near) < len(estimates) else set()
