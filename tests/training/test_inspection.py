"""Checkpoints as disks, hands and strangers damage them: one sentence, nothing executed, nothing allocated."""

from __future__ import annotations

import os
import pickle
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_experiments.errors import UserError
from gan_experiments.training import checkpoint

Change = Callable[[dict[str, bytes]], None]

STATE = {
    "engine": {"step": 3, "networks": {"generator": torch.nn.Linear(40, 50).state_dict()}},
    "numbers": [1, 2.5, "x", None, (1, 2), b"bytes", {3}],
    "kinds": [torch.zeros(2, dtype=kind) for kind in (torch.uint8, torch.bfloat16, torch.bool, torch.int64)],
    "view": torch.arange(12.0).view(3, 4).t(),
    "parameter": torch.nn.Parameter(torch.ones(2)),
}


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "step_00000003.pt"
    checkpoint.save(path, STATE)
    return path


def rewritten(path: Path, change: Change, packed: int = zipfile.ZIP_STORED) -> Path:
    """A checkpoint with other parts, whose sums are right."""
    with zipfile.ZipFile(path) as archive:
        folder = archive.namelist()[0].partition("/")[0]
        parts = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    change(parts)
    target = path.with_name("rewritten.pt")
    with zipfile.ZipFile(target, "w", packed) as archive:
        for name, data in parts.items():
            archive.writestr(f"{folder}/{name}", data)
    return target


def refused(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        checkpoint.load(path)
    message = str(raised.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_what_is_whole_is_read(whole: Path) -> None:
    state = checkpoint.load(whole)
    assert torch.equal(state["view"], STATE["view"])  # type: ignore[arg-type]
    assert state["numbers"] == STATE["numbers"]
    assert checkpoint.load(rewritten(whole, lambda parts: None))["engine"]["step"] == 3


def test_no_flipped_bit_reaches_what_is_read(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, chance = whole.read_bytes(), random.Random(0)
    expected = checkpoint.load(whole)
    found = 0
    for _ in range(150):
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        whole.write_bytes(flipped)
        try:
            state = checkpoint.load(whole)
        except UserError:
            found += 1
        else:  # in a part of the archive that holds nothing: padding, a time
            assert torch.equal(
                state["engine"]["networks"]["generator"]["weight"],
                expected["engine"]["networks"]["generator"]["weight"],
            )
            assert state["numbers"] == expected["numbers"]
    assert found > 75


def test_cut_anywhere(whole: Path) -> None:
    data = whole.read_bytes()
    for length in [*range(0, len(data) - 1, len(data) // 40), len(data) - 1]:
        whole.write_bytes(data[:length])
        refused(whole)


def test_bombs_are_not_unpacked(whole: Path) -> None:
    def blow(parts: dict[str, bytes]) -> None:
        parts["data/0"] = bytes(1 << 24)

    assert "packed" in refused(rewritten(whole, blow, zipfile.ZIP_DEFLATED))


def test_parts_that_lie_over_each_other(whole: Path) -> None:
    """Every entry of the directory points to the same megabyte."""
    folder, body = b"x/", bytes(1 << 20)
    name = folder + b"data.pkl"
    local = struct.pack(
        "<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, zlib.crc32(body), len(body), len(body), len(name), 0
    )
    entry = struct.pack(
        "<4s6H3I5H2I",
        b"PK\1\2",
        20,
        20,
        0,
        0,
        0,
        0,
        zlib.crc32(body),
        len(body),
        len(body),
        len(name),
        0,
        0,
        0,
        0,
        0,
        0,
    )
    directory = (entry + name) * 5000
    start = len(local) + len(name) + len(body)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 5000, 5000, len(directory), start, 0)
    whole.write_bytes(local + name + body + directory + end)
    assert "claim more" in refused(whole)


def numbers(value: int) -> bytes:
    return b"\x8a\x08" + value.to_bytes(8, "little")


CLAIMS = {
    "a size": (rb"K\x00K\x32K\x28\x86", b"K\x00" + numbers(2**40) + b"K\x28\x86"),
    "an offset": (rb"K\x00K\x32K\x28\x86", numbers(2**40) + b"K\x32K\x28\x86"),
    "a stride": (rb"K\x28K\x01\x86", numbers(2**40) + b"K\x01\x86"),
    "a storage": (rb"M\xd0\x07", numbers(2**40)),
    "a part": (rb"X\x01\x00\x00\x000", b"X\x01\x00\x00\x00?"),
}


@pytest.mark.parametrize("claim", CLAIMS)
def test_claims_beyond_what_is_there(claim: str, whole: Path) -> None:
    pattern, replacement = CLAIMS[claim]

    def change(parts: dict[str, bytes]) -> None:
        parts["data.pkl"], count = re.subn(
            pattern, lambda match: replacement, parts["data.pkl"], count=1, flags=re.DOTALL
        )
        assert count == 1

    refused(rewritten(whole, change))


class Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    "call",
    [
        Call(bytearray, 2**40),
        Call(torch.Tensor, 2**20, 2**20),
        Call(os.system, "touch evil"),
        Call(eval, "open('evil', 'w')"),
        Call(torch.load, "evil"),
    ],
    ids=lambda call: getattr(call.call[0], "__name__", "?"),
)
def test_nothing_foreign_is_called(call: Call, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(whole.parent)

    def change(parts: dict[str, bytes]) -> None:
        parts["data.pkl"] = pickle.dumps({"format": 1, "x": call}, protocol=2)

    assert "which no checkpoint of gan-train does" in refused(rewritten(whole, change))
    assert not Path("evil").exists()


@pytest.mark.parametrize(
    "structure",
    [
        b"\x80\x02}r\xff\xff\xff\x7f.",  # a reference numbered two thousand millions
        b"\x80\x02" + b"]" * 200_000 + b".",
        b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b".",
        b"\x80\x02" + b"]q\x01" + b"(h\x01h\x01e" * 1000 + b".",
        b"\x80\x02}X\x06\x00\x00\x00formatq\x00\x8a\xff" + b"\x7f" * 255 + b"s.",
        b"\x80\x02B\xff\xff\xff\x7fabc.",
        b".",
        b"",
    ],
)
def test_structures_that_claim_or_nest(structure: bytes, whole: Path) -> None:
    refused(rewritten(whole, lambda parts: parts.update({"data.pkl": structure})))


def test_what_is_no_file_is_not_waited_for(whole: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.pt")
    assert "no regular file" in refused(tmp_path / "fifo.pt")
    assert "it is a folder" in refused(tmp_path)
    assert "damaged" not in refused(tmp_path)
    if Path("/dev/zero").exists():
        assert "no regular file" in refused(Path("/dev/zero"))


def test_refused_reading_is_not_called_damage(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    assert refused(whole) == f"{whole} cannot be read: permission is denied (Permission denied)"


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"engine.images_seen": int}, "lacks engine.images_seen"),
        ({"engine.step.x": int}, "lacks engine.step.x"),
        ({"engine.step": dict}, "its engine.step is wrong"),
        ({"numbers": dict}, "its numbers is wrong"),
    ],
)
def test_parts_that_are_missing_or_wrong(parts: dict[str, type], said: str, whole: Path) -> None:
    assert checkpoint.load(whole, parts={"engine.step": int, "engine.networks": dict})
    with pytest.raises(UserError, match=said):
        checkpoint.load(whole, parts=parts)
