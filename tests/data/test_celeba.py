import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.data import CelebA
from gan_experiments.data.pictures import Fit
from gan_experiments.errors import UserError

SPLITS = {"train": 4, "valid": 2, "test": 3}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The zip file and the partition as the authors give them, with nine faces."""
    folder = tmp_path / "celeba"
    folder.mkdir()
    lines, number = [], 0
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        for split, count in enumerate(SPLITS.values()):
            for _ in range(count):
                number += 1
                pixels = np.random.default_rng(number).integers(0, 256, (14, 11, 3), dtype=np.uint8)
                face = Image.fromarray(pixels).resize((178, 218))
                face.save(tmp_path / "face.jpg", quality=95)
                archive.write(tmp_path / "face.jpg", f"img_align_celeba/{number:06}.jpg")
                lines.append(f"{number:06}.jpg {split}\n")
    (folder / "list_eval_partition.txt").write_text("".join(lines))
    return folder


def face(folder: Path, number: int, fit: Fit) -> np.ndarray:
    with zipfile.ZipFile(folder / "img_align_celeba.zip") as archive:
        return fit.decode(archive.read(f"img_align_celeba/{number:06}.jpg"), "face")


@pytest.mark.parametrize(
    ("train_split", "split", "numbers"),
    [
        ("train", "train", range(1, 5)),
        ("valid", "train", range(5, 7)),
        ("all", "train", range(1, 10)),
        ("train", "test", range(7, 10)),
    ],
)
def test_the_official_splits(
    folder: Path, tmp_path: Path, train_split: str, split: str, numbers: range
) -> None:
    images = CelebA(3, 64, 0, True, 178, train_split).load(split, tmp_path).images
    expected = np.stack([face(folder, number, Fit(3, 64, 178)) for number in numbers])
    np.testing.assert_array_equal(images, expected)


def test_crop_is_the_middle_of_the_face(folder: Path, tmp_path: Path) -> None:
    images = CelebA(3, 108, 0, True, 108, "train").load("test", tmp_path).images
    with (
        zipfile.ZipFile(folder / "img_align_celeba.zip") as archive,
        archive.open("img_align_celeba/000007.jpg") as f,
    ):
        whole = np.asarray(Image.open(f))
    np.testing.assert_array_equal(images[0].transpose(1, 2, 0), whole[55:163, 35:143])


def test_decoded_once_for_each_split_and_size(folder: Path, tmp_path: Path, decoded: list[Path]) -> None:
    for size, split in [(64, "train"), (64, "train"), (64, "test"), (128, "train"), (128, "train")]:
        CelebA(3, size, 0, True, 178, "train").load(split, tmp_path)
    assert len(decoded) == 3


def test_nothing_is_downloaded_but_told_what_to_bring(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="mmlab") as error:
        CelebA(3, 64, 0, True, 178, "train").load("train", tmp_path)
    assert str(tmp_path / "celeba" / "img_align_celeba.zip") in str(error.value)
    assert str(tmp_path / "celeba" / "list_eval_partition.txt") in str(error.value)


def test_damaged_faces_and_lists_are_named(folder: Path, tmp_path: Path) -> None:
    celeba = CelebA(3, 64, 0, True, 178, "train")
    partition = folder / "list_eval_partition.txt"
    good = partition.read_text()
    partition.write_text(good + "000010.jpg 0\n")
    with pytest.raises(UserError, match=r"img_align_celeba\.zip has no img_align_celeba/000010\.jpg"):
        celeba.load("train", tmp_path)
    partition.write_text("000001.jpg\n" + good)
    with pytest.raises(
        UserError, match=r"list_eval_partition\.txt, line 1: expected a file name and 0, 1 or 2"
    ):
        celeba.load("train", tmp_path)
    partition.write_text(good)
    with zipfile.ZipFile(folder / "img_align_celeba.zip", "w") as archive:
        archive.writestr("img_align_celeba/000001.jpg", b"\xff\xd8 no face")
    with pytest.raises(UserError, match=r"000001\.jpg cannot be read as an image"):
        celeba.load("train", tmp_path)
    (folder / "img_align_celeba.zip").write_bytes(b"PK damaged")
    with pytest.raises(UserError, match=r"img_align_celeba\.zip is damaged"):
        celeba.load("train", tmp_path)
    assert not list((tmp_path / ".cache").iterdir())


def test_bad_values_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.crop must be from 1 to 178, the width of the faces, not 200"):
        CelebA(3, 64, 0, True, 200, "train")
    with pytest.raises(
        UserError,
        match=r"data\.train_split must be one of train, valid, all, not tain\n  Did you mean 'train'",
    ):
        CelebA(3, 64, 0, True, 178, "tain")
