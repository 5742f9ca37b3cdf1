"""A disk that is full from any write on: one sentence that says so and names the last checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faults import FullDisk
from gan_experiments.errors import RunError
from gan_experiments.training import checkpoint, run

# Of some 900 writes of this run: its first records, its checkpoints and its last records.
ROOMS = [0, 1, 2, 5, 9, 14, 20, 27, 35, 47, 100, 300, 450, 500, 700, 850]


@pytest.mark.parametrize("room", ROOMS)
def test_every_write_that_fails_is_told_alike(
    room: int,
    compose: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    config, record = compose("model=gan", "train.sample_every=2")
    disk = FullDisk(tmp_path, room, monkeypatch)
    with pytest.raises(RunError) as raised:
        run(config, tmp_path, record)
    monkeypatch.undo()
    assert disk.writes > room
    message = str(raised.value)
    assert "the disk is full" in message
    assert "\n" not in message
    last = tmp_path / "checkpoints" / "last.pt"
    assert (str(last) if last.exists() else "no checkpoint was written yet") in message
    if last.exists():
        checkpoint.load(last)  # whole
    assert not list(tmp_path.rglob(".*.new"))
    assert "Traceback" not in capfd.readouterr().err


def test_a_disk_with_room_is_not_full(compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config, record = compose("model=gan", "train.sample_every=2")
    disk = FullDisk(tmp_path, 100_000, monkeypatch)
    run(config, tmp_path, record)
    assert max(ROOMS) < disk.writes
