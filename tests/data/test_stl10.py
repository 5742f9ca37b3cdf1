from pathlib import Path

import numpy as np
import pytest

from gan_experiments.data import Stl10
from gan_experiments.errors import UserError

GENERATOR = np.random.default_rng(0)
PIXELS = {
    part: GENERATOR.integers(0, 256, (count, 3, 96, 96), dtype=np.uint8)
    for part, count in (("train", 6), ("unlabeled", 9), ("test", 4))
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The binary files of the set: columns before rows, labels from 1 to 10."""
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    for part, images in PIXELS.items():
        images.transpose(0, 1, 3, 2).tofile(folder / f"{part}_X.bin")
        if part != "unlabeled":
            (np.arange(len(images), dtype=np.uint8) + 1).tofile(folder / f"{part}_y.bin")
    return folder


def test_unlabelled_images_at_full_size(folder: Path, tmp_path: Path) -> None:
    images = Stl10(3, 96, 0, True, "unlabeled").load("train", tmp_path)
    np.testing.assert_array_equal(images.images, PIXELS["unlabeled"])
    assert images.labels is None


def test_labels_begin_at_zero(folder: Path, tmp_path: Path) -> None:
    stl = Stl10(3, 96, 10, True, "train")
    np.testing.assert_array_equal(stl.load("train", tmp_path).labels, np.arange(6))
    test = stl.load("test", tmp_path)
    np.testing.assert_array_equal(test.images, PIXELS["test"])
    np.testing.assert_array_equal(test.labels, np.arange(4))


def test_both_parts_in_order(folder: Path, tmp_path: Path) -> None:
    images = Stl10(3, 96, 0, True, "train+unlabeled").load("train", tmp_path).images
    np.testing.assert_array_equal(images, np.concatenate([PIXELS["train"], PIXELS["unlabeled"]]))


def test_halving_is_an_antialiased_mean(folder: Path, tmp_path: Path) -> None:
    for part in PIXELS:
        flat = np.repeat(np.arange(96, dtype=np.uint8)[:, None], 96, axis=1)  # every row has its own grey
        np.broadcast_to(flat.T, (2, 3, 96, 96)).tofile(folder / f"{part}_X.bin")
    images = Stl10(3, 48, 0, True, "unlabeled").load("train", tmp_path).images
    rows = images[0, 0].astype(float)
    assert (rows == rows[:, :1]).all()
    assert (
        np.abs(rows[1:-1, 0] - (np.arange(48) * 2 + 0.5)[1:-1]).max() <= 0.5
    )  # the mean of two rows, rounded


def test_decoded_once(folder: Path, tmp_path: Path, decoded: list[Path]) -> None:
    for _ in range(2):
        images = Stl10(1, 48, 0, True, "unlabeled").load("train", tmp_path)
    assert images.images.shape == (9, 1, 48, 48)
    assert len(decoded) == 1


def test_missing_labels_and_truncated_files_are_named(folder: Path, tmp_path: Path) -> None:
    (folder / "train_y.bin").write_bytes(b"\1" * 5)
    with pytest.raises(UserError, match=r"train_y\.bin has 5 labels for 6 images"):
        Stl10(3, 48, 10, True, "train").load("train", tmp_path)
    with pytest.raises(UserError, match=r"has no labels here; set data\.num_classes=0"):
        Stl10(3, 48, 10, True, "unlabeled").load("train", tmp_path)
    (folder / "unlabeled_X.bin").write_bytes(b"x" * 1000)
    with pytest.raises(UserError, match=r"unlabeled_X\.bin is missing or damaged"):
        Stl10(3, 48, 0, True, "unlabeled").load("train", tmp_path)


def test_check_compares_every_file_with_the_published_checksum(folder: Path, tmp_path: Path) -> None:
    (folder / "test_y.bin").unlink()
    problems = Stl10(3, 48, 0, True, "unlabeled").check(tmp_path)
    assert len(problems) == 5
    assert f"{folder / 'test_y.bin'} is missing" in problems


def test_a_split_that_is_none() -> None:
    with pytest.raises(
        UserError, match=r"data\.train_split must be one of .*not unlabelled\n  Did you mean 'unlabeled'"
    ):
        Stl10(3, 48, 0, True, "unlabelled")
