import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.data import Npz
from gan_experiments.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 6, 6, 3), dtype=np.uint8)
LABELS = np.arange(7) % 3


def npz(path: Path, size: int = 6, channels: int = 3, classes: int = 3) -> Npz:
    return Npz(channels, size, classes, False, str(path))


def test_real_cifar_images(real, tmp_path: Path) -> None:
    strip = Image.open(real("cifar10") / "cifar10" / "test_000.webp")
    images = np.asarray(strip).reshape(-1, 32, 32, 3)
    labels = np.load(tmp_path / "root" / "cifar10" / "labels_test.npy")[: len(images)]
    np.savez(
        tmp_path / "c.npz", test_images=images, test_labels=labels, train_images=images, train_labels=labels
    )
    loaded = npz(tmp_path / "c.npz", 32, classes=10).load("test", tmp_path)
    np.testing.assert_array_equal(loaded.images, images.transpose(0, 3, 1, 2))
    assert loaded.labels[:8].tolist() == [
        3,
        8,
        8,
        0,
        6,
        6,
        1,
        6,
    ]  # cat, ship, ship, plane, frog, frog, car, frog


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_both_forms_of_keys(tmp_path: Path, save, decoded: list[Path]) -> None:
    save(tmp_path / "plain.npz", images=IMAGES, labels=LABELS)
    save(
        tmp_path / "split.npz",
        train_images=IMAGES,
        train_labels=LABELS,
        test_images=IMAGES[:2],
        test_labels=LABELS[:2],
    )
    plain, split = npz(tmp_path / "plain.npz"), npz(tmp_path / "split.npz")
    np.testing.assert_array_equal(plain.load("train", tmp_path).images, IMAGES.transpose(0, 3, 1, 2))
    assert plain.load("train", tmp_path).digest == split.load("train", tmp_path).digest
    assert len(split.load("test", tmp_path)) == 2
    with pytest.raises(UserError, match=r"data=npz has no split 'test' here, only 'train'"):
        plain.load("test", tmp_path)
    assert len(decoded) == 3
    assert plain.check(tmp_path) == split.check(tmp_path) == []


def test_grey_arrays_and_other_sizes(tmp_path: Path) -> None:
    np.savez(tmp_path / "grey.npz", images=IMAGES[..., 0])
    images = npz(tmp_path / "grey.npz", classes=0).load("train", tmp_path).images
    np.testing.assert_array_equal(images, np.repeat(IMAGES[:, None, :, :, 0], 3, axis=1))
    assert npz(tmp_path / "grey.npz", 12, 1, 0).load("train", tmp_path).images.shape == (7, 1, 12, 12)


def test_both_places_of_the_channels(tmp_path: Path) -> None:
    for channels in (1, 3):
        last = IMAGES[..., :channels]
        np.savez(tmp_path / f"last{channels}.npz", images=last)
        np.savez(tmp_path / f"first{channels}.npz", images=last.transpose(0, 3, 1, 2))
        loaded = [
            npz(tmp_path / f"{place}{channels}.npz", channels=channels, classes=0)
            .load("train", tmp_path)
            .images
            for place in ("last", "first")
        ]
        np.testing.assert_array_equal(*loaded)
        np.testing.assert_array_equal(loaded[0], last.transpose(0, 3, 1, 2))


def test_labels_as_medmnist_has_them(tmp_path: Path) -> None:
    np.savez(tmp_path / "med.npz", train_images=IMAGES, train_labels=LABELS[:, None].astype(np.uint8))
    loaded = npz(tmp_path / "med.npz").load("train", tmp_path)
    assert loaded.labels.dtype == np.int64
    assert loaded.labels.tolist() == LABELS.tolist()


@pytest.mark.parametrize("labels", [np.zeros((7, 14), int), np.zeros(3), np.array(["a"] * 7)])
def test_labels_that_are_not_used_do_not_matter(tmp_path: Path, labels: np.ndarray) -> None:
    np.savez(tmp_path / "a.npz", images=IMAGES, labels=labels)
    assert npz(tmp_path / "a.npz", classes=0).load("train", tmp_path).labels is None
    with pytest.raises(UserError, match=r"a\.npz: labels must be 7 integers, not .* of shape"):
        npz(tmp_path / "a.npz").load("train", tmp_path)


def test_a_size_that_is_a_lie(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (2**20, 2**14, 2**14, 3)}
    )
    with zipfile.ZipFile(tmp_path / "lie.npz", "w") as archive:
        archive.writestr("images.npy", header.getvalue() + b"x" * 100)
    with pytest.raises(UserError, match=r"lie\.npz (says that it holds more|is not a readable)"):
        npz(tmp_path / "lie.npz").load("train", tmp_path)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"images": IMAGES / 255}, r"images must be uint8 of shape .* not float64 of shape \(7, 6, 6, 3\)"),
        ({"images": IMAGES[0, 0]}, r"images must be uint8 of shape .* not uint8 of shape \(6, 3\)"),
        (
            {"train_images": np.zeros((5, 3, 9, 3), np.uint8)},
            r"wrong\.npz: train_images has shape \(5, 3, 9, 3\), which may be \(n, h, w, c\) or \(n, c, h, w\)",
        ),
        ({"images": np.zeros((5, 8, 8, 4), np.uint8)}, r"1 or 3 channels, not uint8 of shape \(5, 8, 8, 4\)"),
        ({"images": IMAGES, "labels": LABELS[:3]}, r"labels must be 7 integers, not int64 of shape \(3,\)"),
        ({"images": IMAGES, "labels": LABELS / 2}, r"labels must be 7 integers, not float64 of shape \(7,\)"),
        ({"pictures": IMAGES}, "has no array train_images, only pictures"),
        ({"images": IMAGES[:0]}, "data=npz has no images in its split 'train'"),
        ({"images": np.array([None, {}])}, "is not a readable .npz file"),
    ],
)
def test_wrong_arrays_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "wrong.npz", **arrays)
    with pytest.raises(UserError, match=message):
        npz(tmp_path / "wrong.npz").load("train", tmp_path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.path=.*none\.npz: there is no such file"):
        npz(tmp_path / "none.npz").load("train", tmp_path)
    np.savez(tmp_path / "a.npz", images=IMAGES)
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:-200])
    with pytest.raises(UserError, match=r"a\.npz is not a readable \.npz file"):
        npz(tmp_path / "a.npz").load("train", tmp_path)
    np.save(tmp_path / "b.npy", IMAGES)
    with pytest.raises(UserError, match=r"b\.npy holds one array without a name"):
        npz(tmp_path / "b.npy").load("train", tmp_path)
