"""Going on from a step: what a run's folder holds of later steps is put aside."""

from __future__ import annotations

import itertools
import json
import os
import re
import struct
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event

FIRST = -1  # the step before everything
PICTURES, EVALUATION = "pictures", "evaluation"  # what can be due at a step after its checkpoint
TAGS = {
    PICTURES: ("samples/", "separability"),
    EVALUATION: ("eval", "metric/"),
}  # of their events; metric/: of earlier versions


def rewind(folder: Path, step: int, due: tuple[str, ...] = ()) -> Path | None:
    """Leave in a run's folder what belongs to its first `step` updates, one line for each step; FIRST: nothing.

    due: what is yet to be made of `step` itself. Returns the folder in `.replaced` where the rest is, None where
    there was none. What a killed writer left unfinished is removed. Checkpoints with names other than a step's
    (last.pt, best.pt) stay, but for FIRST.
    """
    aside = _Aside(folder, "all" if step == FIRST else f"after_step_{step:08d}")
    for path in _left_by_killed_writers(folder):
        path.unlink()
    for path in sorted(folder.glob("checkpoints/*.pt")):
        if step == FIRST or _number(path) > step:
            aside.take(path)
    last_picture = step - 1 if PICTURES in due else step
    for path in sorted(folder.glob("samples/*.png")):
        if _number(path) > last_picture:
            aside.take(path)
    last_figure = step - 1 if EVALUATION in due else step
    _split_lines(folder / "metrics.jsonl", last_figure, aside)
    redone = tuple(itertools.chain.from_iterable(TAGS[name] for name in due))
    for path in sorted(folder.glob("events.out.tfevents.*")):
        if step == FIRST:
            aside.take(path)
        else:
            _split_events(path, lambda event: _belongs(event, step, redone), aside)
    return aside.used


class _Aside:
    """A folder in `.replaced` that is made when there is something to put there."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.used: Path | None = None

    @cached_property
    def place(self) -> Path:
        for attempt in itertools.count(1):
            place = self.folder / ".replaced" / (self.name if attempt == 1 else f"{self.name}-{attempt}")
            try:
                place.mkdir(parents=True)
            except FileExistsError:
                continue
            self.used = place
            return place
        raise AssertionError

    def at(self, path: Path) -> Path:
        """Where a file of the run goes."""
        target = self.place / path.relative_to(self.folder)
        target.parent.mkdir(exist_ok=True)
        return target

    def take(self, path: Path) -> None:
        path.replace(self.at(path))


def _left_by_killed_writers(folder: Path) -> list[Path]:
    return [*folder.glob("checkpoints/.*"), *folder.glob(".*.new*")]


def _number(path: Path) -> int:
    """The step in the name of a checkpoint or a picture; FIRST where there is none."""
    match = re.search(r"_(\d+)\.\w+$", path.name)
    return int(match[1]) if match else FIRST


def _split_lines(path: Path, step: int, aside: _Aside) -> None:
    """metrics.jsonl: the lines up to `step`, the last one of each; a torn line is dropped."""
    if not path.is_file():
        return
    kept: dict[int, str] = {}
    beyond = []
    content = path.read_text(encoding="utf-8", errors="replace")
    for line in content.splitlines():
        number = _step_of(line)
        if number is not None and number > step:
            beyond.append(line)
        elif number is not None:
            kept[number] = line
    if beyond:
        aside.at(path).write_text("".join(f"{line}\n" for line in beyond), encoding="utf-8")
    whole = "".join(f"{kept[number]}\n" for number in sorted(kept))
    if whole != content:
        new = path.with_name(f".{path.name}.new")
        new.write_text(whole, encoding="utf-8")
        new.replace(path)


def _step_of(line: str) -> int | None:
    try:
        row: Any = json.loads(line)
        return int(row["step"])
    except (ValueError, TypeError, KeyError):
        return None


def _belongs(event: Event, step: int, redone: tuple[str, ...]) -> bool:
    if not event.HasField("summary") or event.step < step:
        return True
    return event.step == step and not any(value.tag.startswith(redone) for value in event.summary.value)


def _split_events(path: Path, belongs: Callable[[Event], bool], aside: _Aside) -> None:
    """A file of TensorBoard's events; untouched where all of it belongs."""
    if all(event is not None and belongs(event) for _, event in _records(path)):
        return
    new = path.with_name(f".{path.name}.new")
    beyond = []
    with new.open("wb") as kept:
        for record, event in _records(path):
            if event is None:
                continue
            if belongs(event):
                kept.write(record)
            else:
                beyond.append(record)
    if beyond:
        aside.at(path).write_bytes(b"".join(beyond))
    os.replace(new, path)


def _records(path: Path) -> Iterator[tuple[bytes, Event | None]]:
    """The records of a TFRecord file (length, checksum, event, checksum); last a torn or foreign one, as None."""
    with path.open("rb") as file:
        while header := file.read(12):
            body = b""
            if len(header) == 12:
                (length,) = struct.unpack("<Q", header[:8])
                body = file.read(length + 4) if length < 2**31 else b""
            try:
                whole = len(header) == 12 and len(body) == length + 4
                event = Event.FromString(body[:-4]) if whole else None
            except Exception:  # noqa: BLE001  (protobuf's own error, whose name depends on its version)
                event = None
            yield header + body, event
            if event is None:
                return
