"""Figures as an aligned table: value, standard error, floor, and below them the protocol."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

HIDDEN = ("mode_histogram",)  # shown as a picture


def table(record: Mapping[str, Any]) -> str:
    """The text for an evaluation's record: its `metrics`, their `floor` and their `protocol`."""
    values, floor, protocol = record["metrics"], record["floor"], record["protocol"]
    errors = {re.sub("_se(?=_|$)", "", name): value for name, value in values.items() if _is_error(name)}
    header = ["figure", "value", "standard error", "floor"]
    lines = [
        [name, _number(value), _number(errors.get(name)), _number(floor.get(name))]
        for name, value in values.items()
        if not _is_error(name)
    ]
    columns = [index for index in range(4) if index < 2 or any(line[index] for line in lines)]
    text = _aligned([header, *lines], columns)
    if "generated" in record:
        text = [f"{record['generated']}, against {record['real']}", *text]
    return "\n".join([*text, "", "protocol", *_aligned(list(_flat(protocol, "")), [0, 1], right=False)])


def _is_error(name: str) -> bool:
    return re.search("_se(_|$)", name) is not None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _aligned(lines: list[list[str]], columns: list[int], right: bool = True) -> list[str]:
    widths = {index: max(len(line[index]) for line in lines) for index in columns}
    side = ">" if right else "<"
    return [
        "  ".join(f"{line[i]:{side if i else '<'}{widths[i]}}" for i in columns).rstrip() for line in lines
    ]


def _flat(protocol: Mapping[str, Any], prefix: str) -> Iterator[list[str]]:
    for key, value in protocol.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif key not in HIDDEN:
            yield [f"  {prefix}{key}", str(value)]
