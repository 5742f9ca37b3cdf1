from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.data import Folder
from gan_experiments.errors import UserError


def folder(
    path: Path, size: int = 8, classes: int = 0, crop: int | None = None, test: Path | None = None
) -> Folder:
    return Folder(
        channels=3,
        image_size=size,
        num_classes=classes,
        flip=True,
        path=str(path),
        test_path=str(test) if test else None,
        crop=crop,
    )


def test_real_faces(real, tmp_path: Path) -> None:
    faces = real("celeba_2k") / "celeba_2k"
    images = folder(faces, 64).load("train", tmp_path)
    assert images.images.shape == (2000, 3, 64, 64)
    # Aligned faces: their mean is nearly its own mirror image, but not upside down.
    mean = images.images.mean(axis=(0, 1))
    assert np.corrcoef(mean.ravel(), mean[:, ::-1].ravel())[0, 1] > 0.97
    assert np.corrcoef(mean.ravel(), mean[::-1].ravel())[0, 1] < 0.8


def test_all_kinds_of_files_in_order_of_path(tmp_path: Path, picture) -> None:
    pixels = {
        name: picture(tmp_path / "in" / name, 8, 8, seed)
        for seed, name in enumerate(["a.png", "b/a.bmp", "b/c/x.TIFF"])
    }
    (tmp_path / "in" / "b" / "notes.txt").write_text("no image")
    picture(tmp_path / "in" / ".hidden.png")
    images = folder(tmp_path / "in").load("train", tmp_path).images
    np.testing.assert_array_equal(images.transpose(0, 2, 3, 1), np.stack(list(pixels.values())))


def test_middle_square(tmp_path: Path, picture) -> None:
    wide = picture(tmp_path / "in" / "wide.png", 14, 8)
    images = folder(tmp_path / "in").load("train", tmp_path).images
    np.testing.assert_array_equal(images[0].transpose(1, 2, 0), wide[:, 3:11])
    images = folder(tmp_path / "in", 4, crop=4).load("train", tmp_path).images
    np.testing.assert_array_equal(images[0].transpose(1, 2, 0), wide[2:6, 5:9])
    with pytest.raises(UserError, match=r"wide\.png is 14x8 pixels, too small for data\.crop=9"):
        folder(tmp_path / "in", 4, crop=9).load("train", tmp_path)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    (tmp_path / "in").mkdir()
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(tmp_path / "in" / f"white.{suffix}")
    assert (folder(tmp_path / "in").load("train", tmp_path).images == 255).all()


def test_sixteen_bits_are_refused_instead_of_clipped(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((8, 8), 4000, np.uint16)).save(tmp_path / "in" / "deep.png")
    with pytest.raises(UserError, match=r"deep\.png cannot be read as an image: it has more than 8 bits"):
        folder(tmp_path / "in").load("train", tmp_path)


def test_orientation_of_a_camera_is_applied(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[0] = 255  # the first row is white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    Image.fromarray(pixels).save(tmp_path / "in" / "turned.png", exif=exif)
    (image,) = folder(tmp_path / "in").load("train", tmp_path).images
    assert (image[:, :, -1] == 255).all()
    assert not image[:, :, :-1].any()


def test_bad_files_are_named_and_check_names_them_all(tmp_path: Path, picture) -> None:
    picture(tmp_path / "in" / "a.png")
    whole = (tmp_path / "in" / "a.png").read_bytes()
    (tmp_path / "in" / "b.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "in" / "c.jpg").write_bytes(b"")
    data = folder(tmp_path / "in")
    with pytest.raises(UserError, match=r"b\.png cannot be read as an image"):
        data.load("train", tmp_path)
    problems = data.check(tmp_path)
    assert [Path(problem.split(" cannot ")[0]).name for problem in problems] == ["b.png", "c.jpg"]
    assert not list((tmp_path / ".cache").iterdir())


def test_a_new_picture_is_noticed(tmp_path: Path, picture, decoded: list[Path]) -> None:
    picture(tmp_path / "in" / "a.png")
    for _ in range(2):
        assert len(folder(tmp_path / "in").load("train", tmp_path)) == 1
    picture(tmp_path / "in" / "b.png")
    assert len(folder(tmp_path / "in").load("train", tmp_path)) == 2
    assert len(decoded) == 2


def test_moving_the_folder_does_not_decode_again(tmp_path: Path, picture, decoded: list[Path]) -> None:
    picture(tmp_path / "in" / "a.png")
    folder(tmp_path / "in").load("train", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in").rename(tmp_path / "elsewhere" / "in")
    folder(tmp_path / "elsewhere" / "in").load("train", tmp_path)
    assert len(decoded) == 1


def test_folders_are_classes_if_asked(tmp_path: Path, picture) -> None:
    for name in ("cat/1.png", "cat/more/2.png", "dog/1.png"):
        picture(tmp_path / "in" / name)
    images = folder(tmp_path / "in", classes=2).load("train", tmp_path)
    assert images.labels.tolist() == [0, 0, 1]
    with pytest.raises(
        UserError, match=r"data\.num_classes=3 needs all images .* it has 2 folders with images"
    ):
        folder(tmp_path / "in", classes=3).load("train", tmp_path)


def test_a_test_split_must_be_given(tmp_path: Path, picture) -> None:
    picture(tmp_path / "in" / "a.png")
    held_out = picture(tmp_path / "out" / "a.png", 8, 8, seed=1)
    with pytest.raises(UserError, match="data=folder has no split 'test' here, only 'train'"):
        folder(tmp_path / "in").load("test", tmp_path)
    images = folder(tmp_path / "in", test=tmp_path / "out").load("test", tmp_path).images
    np.testing.assert_array_equal(images[0].transpose(1, 2, 0), held_out)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"there is no folder .*missing"):
        folder(tmp_path / "missing").load("train", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty has no images"):
        folder(tmp_path / "empty").load("train", tmp_path)
