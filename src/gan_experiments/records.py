"""Text that a stranger may have written, read as JSON or YAML without trusting its types, depth or amount."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import yaml

MAX_DEPTH = 32  # of nested settings
MAX_FIGURES = 1000  # of an evaluation


class PlainLoader(yaml.BaseLoader):  # type: ignore[misc]  # yaml has no types
    """Text, lists and mappings alone, and no aliases: a few lines of those stand for more than any memory holds."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent) or self.depth > MAX_DEPTH:
            raise yaml.YAMLError("aliases and deep nesting are not read")
        self.depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node


def evaluation_in(text: str) -> dict[str, Any] | None:
    """The evaluation in a line of metrics.jsonl; the beginning of another, torn by a kill, may stand before it."""
    for start in dict.fromkeys((0, text.rfind('{"step"'))):
        try:
            row = evaluation(parsed(text[start:].strip(" \t\r\0"))) if start >= 0 else None
        except ValueError:
            continue
        if row is not None:
            return row
    return None


def evaluation(row: Any) -> dict[str, Any] | None:
    """`step`, `images_seen`, `seconds` as numbers, and what training alone took where that is said; `metrics` and
    `floor` as floats by name, `protocol`; None where the step or the figures are missing.
    """
    if not isinstance(row, dict) or not isinstance(row.get("metrics"), dict):
        return None
    step = number(row.get("step"))
    if step is None or not 0 <= step < 2**53:
        return None
    cost = {name: number(row.get(name)) or 0.0 for name in ("images_seen", "seconds")}
    alone = {name: number(row.get(name)) for name in ("training_seconds", "cpu_seconds")}
    return {
        **{key: row[key] for key in ("checkpoint", "real", "generated", "settings") if key in row},
        "step": int(step),
        "images_seen": int(cost["images_seen"]) if math.isfinite(cost["images_seen"]) else 0,
        "seconds": cost["seconds"] if math.isfinite(cost["seconds"]) else 0.0,
        **{name: value for name, value in alone.items() if value is not None and math.isfinite(value)},
        "metrics": figures(row["metrics"]),
        "floor": figures(row.get("floor")),
        "protocol": mapping(row.get("protocol")),
    }


def figures(record: Any) -> dict[str, float]:
    """The numbers of a dictionary, by name, as `number` reads them; empty for anything else."""
    pairs = ((name, number(value)) for name, value in list(mapping(record).items())[:MAX_FIGURES])
    return {name: value for name, value in pairs if value is not None}


def number(value: Any) -> float | None:
    """A number, also one that JSON cannot hold and that is written as text ("nan"); else None."""
    if isinstance(value, str) and value in ("nan", "inf", "-inf"):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def parsed(text: str) -> Any:
    """JSON; raises ValueError, also where it is nested too deeply."""
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return content
    raise ValueError("nested too deeply")


def _children(node: Any) -> Iterator[Any]:
    children: Any = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return (child for child in children if isinstance(child, (dict, list)))


def mapping(node: Any) -> dict[str, Any]:
    """A dictionary, or an empty one in place of anything else."""
    return node if isinstance(node, dict) else {}
