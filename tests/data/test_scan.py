"""data/scan.py: folders as they are."""

import os
from pathlib import Path

import pytest

from gan_experiments import parallel
from gan_experiments.data import Folder, pictures
from gan_experiments.data.scan import in_order, scan
from gan_experiments.errors import UserError


@pytest.fixture
def place(tmp_path: Path, picture) -> Path:
    for name in ("cat/1.png", "dog/1.png", "dog/2.png"):
        picture(tmp_path / "in" / name)
    return tmp_path / "in"


def names(folder: Path) -> list[str]:
    return [str(file.relative_to(folder)) for file in scan(folder).files]


def folder(path: Path, classes: int = 0) -> Folder:
    return Folder(
        channels=3,
        image_size=8,
        num_classes=classes,
        flip=False,
        path=str(path),
        test_path=None,
        crop=None,
    )


def test_links_to_folders_and_files_are_followed(place: Path, tmp_path: Path, picture) -> None:
    picture(tmp_path / "elsewhere" / "deep" / "1.png")
    (place / "bird").symlink_to(tmp_path / "elsewhere")
    (place / "dog" / "3.png").symlink_to(tmp_path / "elsewhere" / "deep" / "1.png")
    assert names(place) == ["bird/deep/1.png", "cat/1.png", "dog/1.png", "dog/2.png", "dog/3.png"]
    assert folder(place, 3).load("train", tmp_path).labels.tolist() == [0, 1, 2, 2, 2]
    whole = tmp_path / "link"
    whole.symlink_to(place)
    assert len(names(whole)) == 5


def test_loops_end_and_folders_keep_their_own_names(place: Path) -> None:
    (place / "dog" / "up").symlink_to(place)
    (place / "a_link").symlink_to(place / "dog")
    (place / "self").symlink_to(place / "self")
    found = scan(place)
    assert [str(file.relative_to(place)) for file in found.files] == ["cat/1.png", "dog/1.png", "dog/2.png"]
    assert found.left_out == {
        "links that lead nowhere": ["self"],
        "links to a folder seen before": ["a_link", "up"],
    }


def test_only_files_are_pictures(place: Path) -> None:
    (place / "x.png").mkdir()
    (place / "gone.png").symlink_to(place / "nowhere")
    os.mkfifo(place / "pipe.png")
    (place / "zero.png").symlink_to("/dev/zero")
    found = scan(place)
    assert len(found.files) == 3
    assert found.left_out == {
        "links that lead nowhere": ["gone.png"],
        "pipes or devices": ["pipe.png", "zero.png"],
    }


def test_what_systems_leave_behind_is_no_class_and_no_image(place: Path, tmp_path: Path, picture) -> None:
    for hidden in (".ipynb_checkpoints", "@eaDir", ".thumbnails", "__MACOSX", "#recycle", "$RECYCLE.BIN"):
        picture(place / hidden / "1.png")
        picture(place / "cat" / hidden / "1.png")
    picture(place / "dog" / "._1.png")
    images = folder(place, 2).load("train", tmp_path)
    assert images.labels.tolist() == [0, 1, 1]
    assert images.class_names == ("cat", "dog")
    assert len(scan(place).left_out["hidden"]) == 13


def test_a_hidden_folder_that_is_asked_for_is_read(tmp_path: Path, picture) -> None:
    picture(tmp_path / ".mine" / "1.png")
    assert names(tmp_path / ".mine") == ["1.png"]


def test_gif_and_jfif_are_pictures(tmp_path: Path, picture) -> None:
    picture(tmp_path / "in" / "a.gif")
    jpeg = tmp_path / "in" / "b.jpg"
    picture(jpeg)
    jpeg.rename(jpeg.with_suffix(".JFIF"))
    assert len(folder(tmp_path / "in").load("train", tmp_path)) == 2


@pytest.mark.parametrize(
    ("given", "order"),
    [
        ({"10", "9", "1", "02"}, ["1", "02", "9", "10"]),
        ({"10", "9", "a"}, ["10", "9", "a"]),
        ({"b", "B", "a"}, ["B", "a", "b"]),
    ],
)
def test_numbers_sort_as_numbers(given: set[str], order: list[str]) -> None:
    assert in_order(given) == order


def test_one_line_says_what_is_there_and_what_is_not(
    place: Path,
    tmp_path: Path,
    picture,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("WARNING", "gan_experiments")  # as in a program that did not set up logging
    for name in ("notes.txt", "more.txt", "film.mp4", "README"):
        (place / name).write_text("no image")
    picture(place / ".old" / "1.png")
    data = folder(place, 2)
    data.load("train", tmp_path)
    line = (
        f"3 images in {place}, 2 classes (cat, dog); left out: "
        "1 hidden (.old), 4 of another kind (README, .mp4, .txt)\n"
    )
    assert capsys.readouterr().err == line
    monkeypatch.setattr(parallel, "rank", lambda: 1)
    data.load("train", tmp_path)
    assert capsys.readouterr().err == ""


def test_only_others_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"")
    with pytest.raises(UserError, match=r"has no images \(\.bmp.*\); left out: 1 of another kind \(\.heic\)"):
        pictures.under(tmp_path)


def test_a_folder_that_cannot_be_read_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UserError, match=r"in cannot be read: Permission denied"):
        scan(place)
