from __future__ import annotations

import pickle
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
