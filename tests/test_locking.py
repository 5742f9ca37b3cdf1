"""Two processes never train in one folder."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from gan_experiments.errors import UserError
from gan_experiments.locking import is_locked, locked, refuse_if_locked
from gan_experiments.training import run


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_second_run_is_refused_and_changes_nothing(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=gan", "network=mlp", "data.image_size=16", "train.steps=2")
    run(config, tmp_path, record)
    config.resume = str(tmp_path / "checkpoints" / "last.pt")
    with locked(tmp_path):
        before = contents(tmp_path)
        with pytest.raises(
            UserError, match=f"process {os.getpid()} on .* is training in .*wait until it ends"
        ):
            run(config, tmp_path, record)
        with pytest.raises(UserError, match="is training in"):
            refuse_if_locked(tmp_path)
        assert is_locked(tmp_path)
        assert contents(tmp_path) == before
    refuse_if_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        with locked(tmp_path):
            os.write(write, b"held")
            signal.pause()
    assert os.read(read, 4) == b"held"
    with pytest.raises(UserError, match=f"process {child} on"), locked(tmp_path):
        pass
    assert is_locked(tmp_path)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / ".lock").exists()
    assert not is_locked(tmp_path)
    with locked(tmp_path):
        pass


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_named(
    code: int, tmp_path: Path, monkeypatch: Any, caplog: Any
) -> None:
    def flock(handle: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(fcntl, "flock", flock)
    with caplog.at_level(logging.WARNING), locked(tmp_path):
        assert not is_locked(tmp_path)
    assert f"{tmp_path} cannot be locked ({os.strerror(code)})" in caplog.text


def test_nothing_is_looked_for_where_no_run_was(tmp_path: Path) -> None:
    refuse_if_locked(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_lock_is_not_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock").symlink_to(target)
    with pytest.raises(UserError, match="cannot be written to"), locked(tmp_path / "run"):
        pass
    assert not is_locked(tmp_path / "run")
    assert target.read_text() == "mine"


def test_a_pipe_in_place_of_a_lock_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".lock")
    assert not is_locked(tmp_path)
