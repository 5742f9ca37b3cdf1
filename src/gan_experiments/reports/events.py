"""Scalars and pictures from TensorBoard's event files, within limits and however the files were cut."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from gan_experiments import reading
from gan_experiments.runs import RunFolder

if TYPE_CHECKING:
    from tensorboard.compat.proto.event_pb2 import Event

MAX_RECORD = 4 << 20  # bytes
MAX_READ = 128 << 20  # bytes of a run's records
MAX_EVENTS = 200_000

Series = dict[str, list[tuple[int, float]]]


def scalars(run: RunFolder, prefix: str) -> Series:
    """The scalars whose tags begin with `prefix`, (step, value) by tag; of steps done again, the later ones."""
    series: Series = {}
    for event in _events(run):
        for value in event.summary.value:
            if value.tag.startswith(prefix):
                points = series.setdefault(value.tag[:100], [])
                number = value.simple_value if value.HasField("simple_value") else _of_tensor(value)
                if number is None:
                    continue
                while points and points[-1][0] >= event.step:
                    points.pop()
                points.append((event.step, number))
    return series


def picture(run: RunFolder, tag: str) -> bytes | None:
    """The first encoded picture of a tag."""
    for event in _events(run):
        for value in event.summary.value:
            if value.tag == tag and value.HasField("image"):
                encoded: bytes = value.image.encoded_image_string
                return encoded
    return None


def _of_tensor(value: object) -> float | None:
    """A scalar as TensorBoard 2 writes it."""
    floats = list(value.tensor.float_val) if value.HasField("tensor") else []  # type: ignore[attr-defined]
    return float(floats[0]) if floats else None


def _events(run: RunFolder) -> Iterator[Event]:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorboard.compat.proto.event_pb2 import Event

    left, bytes_left = MAX_EVENTS, MAX_READ
    for name in _names(run):
        try:
            with reading.inside(run.path, run.path / name) as file:
                for record in _records(file):
                    left, bytes_left = left - 1, bytes_left - len(record)
                    if left < 0 or bytes_left < 0:
                        return
                    yield Event.FromString(record)
        except (OSError, DecodeError):
            continue


def _names(run: RunFolder) -> list[str]:
    try:
        return sorted(name for name in os.listdir(run.path) if name.startswith("events.out.tfevents"))
    except OSError:
        return []


def _records(file: BinaryIO) -> Iterator[bytes]:
    """The records of a TFRecord file: length (8 bytes), its sum (4), data, its sum (4)."""
    size = os.fstat(file.fileno()).st_size
    while len(header := file.read(12)) == 12:
        (length,) = struct.unpack("<Q", header[:8])
        if length > size - file.tell():
            return
        if length <= MAX_RECORD:
            yield file.read(length)
            file.seek(4, os.SEEK_CUR)
        else:
            file.seek(length + 4, os.SEEK_CUR)
