"""Files that are whole or not there."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from gan_experiments.errors import RunError
from gan_experiments.writing import writing


def test_a_file_is_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    with writing(path) as file:
        assert file.suffix == ".png"
        file.write_text("first")
    with contextlib.suppress(ValueError), writing(path) as file:
        file.write_text("sec")
        raise ValueError
    assert path.read_text() == "first"
    assert os.listdir(path.parent) == ["a.png"]


def test_a_planted_link_is_replaced_and_a_device_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "report.html").symlink_to("precious")
    with writing(tmp_path / "report.html") as file:
        file.write_text("page")
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "report.html").read_text() == "page"
    with writing(Path(os.devnull)) as file:
        assert file == Path(os.devnull)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("folder", "it is a folder"), ("file/below", "Not a directory|File exists"), ("/dev/full", "the disk is full")],
)  # fmt: skip
def test_what_the_system_refuses_is_one_sentence(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    path = tmp_path / name  # an absolute path stays one
    with (
        pytest.raises(RunError, match=f"{name} could not be written: ({reason})") as raised,
        writing(path) as file,
    ):
        file.write_text("x")
    assert "\n" not in str(raised.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
