"""Figures by their names: which are better low or high, which is whose error, and how they stand in a table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

LOWER_IS_BETTER = ("fd", "fid", "kid", "mind", "mode_kl", "kl", "l1")
HIGHER_IS_BETTER = ("precision", "recall", "density", "coverage", "is", "modes", "quality", "psnr", "ssim")
OF_ANOTHER = ("se", "std", "unbiased")  # parts of a name: the error or the correction of another figure


def direction(name: str) -> int:
    """1 where higher is better, -1 where lower is, 0 where neither holds; of `a_to_b/kid` as of `kid`."""
    name = name.rpartition("/")[2]
    for names, sign in ((LOWER_IS_BETTER, -1), (HIGHER_IS_BETTER, 1)):
        if any(name == word or name.startswith(f"{word}_") for word in names):
            return sign
    return 0


def is_reported(name: str) -> bool:
    """Whether a figure has a column of its own: not an error or a correction of another one."""
    return not any(part in OF_ANOTHER for part in name.split("_"))


def error_of(name: str, metrics: Mapping[str, float]) -> float | None:
    """The standard error that an evaluation gives for one of its figures: `fd_se_lenet` for `fd_lenet`."""
    prefix, slash, figure = name.rpartition("/")
    head, _, rest = figure.partition("_")
    return metrics.get(prefix + slash + (f"{head}_se_{rest}" if rest else f"{head}_se"))


def number(value: float, error: float | None = None) -> str:
    """A number to four digits, or to the second digit of its error, without exponents where that can be read."""
    finest = error if error is not None and math.isfinite(error) and error > 0 else None
    if not math.isfinite(value) or (value == 0 and finest is None):
        return f"{value:g}"
    largest = max(abs(value), finest or 0.0)
    if not 1e-4 <= largest < 1e7:
        return f"{value:.3g}"
    decimals = 1 - math.floor(math.log10(finest)) if finest else 3 - math.floor(math.log10(abs(value)))
    text = f"{value:.{min(max(decimals, 0), 6)}f}"
    return text.rstrip("0").rstrip(".") if finest is None and "." in text else text


def with_error(name: str, metrics: Mapping[str, float]) -> str:
    """`28.29 ± 0.45`, or without ± where the evaluation gives no error; empty where there is no such figure."""
    if name not in metrics:
        return ""
    error = error_of(name, metrics)
    text = number(metrics[name], error)
    return text if error is None else f"{text} ± {number(error, error)}"


def table(title: str, metrics: Mapping[str, float], floor: Mapping[str, float]) -> str:
    """An evaluation: the reported figures with their errors, beside those of real test images."""
    names = [name for name in metrics if is_reported(name)]
    columns = [[title, *names], ["samples", *(with_error(name, metrics) for name in names)]]
    if floor:
        columns.append(["real test images", *(with_error(name, floor) for name in names)])
    return aligned([*zip(*columns, strict=True)])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text in columns."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
