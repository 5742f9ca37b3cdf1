"""A figure over several seeds, and when one figure is better than another."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

LOWER_IS_BETTER = ("fd", "fid", "kid", "mode_kl", "kl", "l1")
HIGHER_IS_BETTER = ("precision", "recall", "density", "coverage", "is", "modes", "quality", "psnr", "ssim")
OF_ANOTHER = ("se", "std", "unbiased")  # parts of a name: the error or the correction of another figure


@dataclass(frozen=True)
class Estimate:
    """The mean of a figure over `count` seeds, its standard error and its standard deviation over seeds.

    The error is that of the mean over seeds, but no less than what the single evaluations say of themselves; None
    where neither is known. `spread` is None for one seed.
    """

    mean: float
    error: float | None
    spread: float | None
    count: int

    @classmethod
    def of(cls, values: list[float], errors: list[float | None]) -> Estimate:
        """From one value a seed, and the standard error of each evaluation where it has one."""
        known = [error for error in errors if error is not None and math.isfinite(error)]
        own = math.sqrt(sum(e * e for e in known)) / len(known) if known else None
        if len(values) < 2:
            return cls(values[0], own, None, 1)
        spread = statistics.stdev(values)
        return cls(
            statistics.fmean(values), max(spread / math.sqrt(len(values)), own or 0.0), spread, len(values)
        )

    def __str__(self) -> str:
        beside = self.spread if self.spread is not None else self.error
        return f"{self.mean:.4g}" + (f" ± {beside:.2g}" if beside is not None else "")


def direction(name: str) -> int:
    """1 where higher is better, -1 where lower is, 0 where neither holds; of `a_to_b/kid` as of `kid`."""
    name = name.rpartition("/")[2]
    for names, sign in ((LOWER_IS_BETTER, -1), (HIGHER_IS_BETTER, 1)):
        if any(name == word or name.startswith(f"{word}_") for word in names):
            return sign
    return 0


def is_shown(name: str) -> bool:
    """Whether a figure has a column of its own: not an error or a correction of another one."""
    return not any(part in OF_ANOTHER for part in name.split("_"))


def error_of(name: str, metrics: Mapping[str, float]) -> float | None:
    """The standard error that an evaluation gives for one of its figures: `fd_se_lenet` for `fd_lenet`."""
    prefix, slash, figure = name.rpartition("/")
    head, _, rest = figure.partition("_")
    return metrics.get(prefix + slash + (f"{head}_se_{rest}" if rest else f"{head}_se"))


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
