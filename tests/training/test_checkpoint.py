from __future__ import annotations

import contextlib
import os
import pickle
import stat
from pathlib import Path

import pytest
import torch

from gan_experiments.errors import RunError, UserError
from gan_experiments.training import checkpoint


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "step.pt"
    checkpoint.save(path, {"numbers": [1, 2.5], "tensor": torch.arange(3)})
    state = checkpoint.load(path)
    assert state["numbers"] == [1, 2.5]
    assert torch.equal(state["tensor"], torch.arange(3))
    assert [file.name for file in path.parent.iterdir()] == ["step.pt"]  # no temporary file stays


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("evil"),))


def test_nothing_in_a_checkpoint_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "evil": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "evil.pt")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps({"format": 1})[:-3]])
def test_damaged_files_are_named(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.pt"
    path.write_bytes(content)
    with pytest.raises(UserError, match="broken.pt"):
        checkpoint.load(path)


def test_truncated_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    checkpoint.save(path, {"tensor": torch.zeros(1000)})
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(UserError, match="cut.pt"):
        checkpoint.load(path)


def test_other_format_is_named(tmp_path: Path) -> None:
    torch.save({"format": 99}, tmp_path / "new.pt")
    with pytest.raises(UserError, match="format 99"):
        checkpoint.load(tmp_path / "new.pt")
    torch.save([1], tmp_path / "list.pt")
    with pytest.raises(UserError, match="not a checkpoint"):
        checkpoint.load(tmp_path / "list.pt")


def test_failed_write_keeps_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"step": 1})

    def full(*arguments: object, **options: object) -> None:
        raise RuntimeError("No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(RunError, match="No space left on device"):
        checkpoint.save(path, {"step": 2})
    assert checkpoint.load(path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


def test_link_replaces(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "a.pt", {"step": 1})
    checkpoint.save(tmp_path / "b.pt", {"step": 2})
    checkpoint.link(tmp_path / "a.pt", tmp_path / "last.pt")
    checkpoint.link(tmp_path / "b.pt", tmp_path / "last.pt")
    (tmp_path / "b.pt").unlink()
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 2


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_the_umask_says_who_may_read(umask: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        checkpoint.save(tmp_path / "step_00000001.pt", {"step": 1})
        checkpoint.publish(tmp_path / "step_00000001.pt", best=True)
    finally:
        os.umask(before)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask, path.name


def test_what_killed_writers_left_goes_and_nothing_else(tmp_path: Path) -> None:
    lefts = [".step_00000001.pt.new", ".last.pt.new", ".best.pt.new", ".step_00000001.pt.k3_x9abc"]
    others = [".hidden", "notes.txt", ".mine.pt.new", "step_00000001.pt"]
    for name in (*lefts, *others):
        (tmp_path / name).write_text("x")
    checkpoint.save(tmp_path / "step_00000002.pt", {"step": 2})
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "step_00000002.pt"])


def test_a_planted_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("x")
    (tmp_path / ".last.pt.new").symlink_to("precious")
    checkpoint.save(tmp_path / "last.pt", {"step": 1})
    assert (tmp_path / "precious").read_text() == "x"


class Killed(BaseException):
    """Nothing may catch it, as nothing catches SIGKILL."""


@pytest.mark.parametrize("operation", range(20))
def test_no_kill_leaves_last_newer_than_best(
    operation: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed at every file operation in turn, then done again from last.pt: best.pt is never behind."""

    def both(step: int) -> None:
        checkpoint.save(tmp_path / f"step_{step:08d}.pt", {"step": step})
        checkpoint.publish(tmp_path / f"step_{step:08d}.pt", best=True)

    both(1)
    left = [operation]
    for name in ("link", "replace", "unlink", "fsync"):
        real = getattr(os, name)

        def counted(*arguments: object, real: object = real, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return real(*arguments, **options)  # type: ignore[operator]

        monkeypatch.setattr(os, name, counted)
    with contextlib.suppress(Killed):
        both(2)
    monkeypatch.undo()
    last, best = (checkpoint.load(tmp_path / name)["step"] for name in ("last.pt", "best.pt"))
    assert best >= last
    if last < 2:
        both(2)
    assert {path.name for path in tmp_path.iterdir()} == {
        "step_00000001.pt", "step_00000002.pt", "last.pt", "best.pt",
    }  # fmt: skip
    assert checkpoint.load(tmp_path / "best.pt")["step"] == 2


def test_a_folder_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "a.pt", {"step": 1})

    def refuse(*arguments: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(os, "replace", refuse)
    said = "b.pt could not be written: the file system can only be read"
    with pytest.raises(RunError, match=said):
        checkpoint.save(tmp_path / "b.pt", {"step": 2})
    with pytest.raises(RunError, match=said):
        checkpoint.link(tmp_path / "a.pt", tmp_path / "b.pt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.pt"]
