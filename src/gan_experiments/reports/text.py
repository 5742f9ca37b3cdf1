"""Text of others (settings, names, errors) as it may be shown."""

from __future__ import annotations

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


def flatten(node: Any, prefix: str = "") -> dict[str, str]:
    """Nested settings as one level of dotted names."""
    if not isinstance(node, Mapping):
        return {prefix: "null" if node is None else str(node)}
    flat: dict[str, str] = {}
    for key, value in node.items():
        flat |= flatten(value, f"{prefix}.{key}" if prefix else str(key))
    return flat
