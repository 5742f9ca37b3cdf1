"""Text of others (settings, names, errors) as it may be shown, and numbers as a person reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gan_experiments.plain import plain


def cut(text: str, length: int = 60) -> str:
    """`text`, plain, and no longer than `length`."""
    text = plain(text[: 10 * length])
    return text if len(text) <= length else text[: length - 1] + "…"


def squeezed(text: str, length: int) -> str:
    """`text`, plain, with both its ends, and no longer than `length`."""
    text = plain(text[:1000])
    head = (length - 1) // 2
    return text if len(text) <= length else text[:head] + "…" + text[head + 1 - length :]


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


def flatten(node: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as one level of dotted names."""
    if not isinstance(node, Mapping):
        return {prefix: "null" if node is None else str(node)}
    flat: dict[str, str] = {}
    for key, value in node.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
