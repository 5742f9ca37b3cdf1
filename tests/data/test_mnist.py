import gzip
from pathlib import Path

import numpy as np
import pytest

from gan_experiments.data import FashionMnist, Mnist
from gan_experiments.data.mnist import read_idx
from gan_experiments.errors import UserError


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)


@pytest.fixture
def root(tmp_path: Path, images: np.ndarray) -> Path:
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    labels = np.arange(20, dtype=np.uint8) % 10
    for prefix, pixels in (("train", images), ("t10k", images[::-1])):
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(pixels.copy())))
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(labels)))
    return tmp_path


def test_real_files(real) -> None:
    root = real("mnist")
    mnist = Mnist(1, 28, 10, False)
    train, test = mnist.load("train", root), mnist.load("test", root)
    assert train.images.shape == (60000, 1, 28, 28)
    assert test.images.shape == (10000, 1, 28, 28)
    assert train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    np.testing.assert_allclose(train.images.mean() / 255, 0.1307, atol=5e-5)  # the mean that everybody quotes
    assert np.bincount(test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.check(root) == []


def test_pixels_are_the_files_and_the_margin_is_black(root: Path, images: np.ndarray) -> None:
    loaded = Mnist(1, 28, 10, False).load("train", root)
    np.testing.assert_array_equal(loaded.images[:, 0], images)
    np.testing.assert_array_equal(loaded.labels, np.arange(20) % 10)
    padded = Mnist(3, 32, 10, False).load("test", root).images
    np.testing.assert_array_equal(padded[:, 1, 2:-2, 2:-2], images[::-1])
    assert padded.sum(dtype=int) == 3 * images.sum(dtype=int)


def test_uncompressed_files_will_do(root: Path, images: np.ndarray) -> None:
    folder = root / "MNIST" / "raw"
    for file in list(folder.iterdir()):
        (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    np.testing.assert_array_equal(Mnist(1, 28, 10, False).load("train", root).images[:, 0], images)


def test_good_files_unpacked_by_hand_are_good(real, tmp_path: Path) -> None:
    source = real("mnist") / "mnist"
    folder = tmp_path / "hand" / "mnist"
    folder.mkdir(parents=True)
    for file in source.glob("*.gz"):
        (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    assert Mnist(1, 28, 10, False).check(tmp_path / "hand") == []
    short = folder / "t10k-labels-idx1-ubyte"
    short.write_bytes(short.read_bytes()[:-1])
    (problem,) = Mnist(1, 28, 10, False).check(tmp_path / "hand")
    assert problem == f"{short} is not a complete idx file of bytes"


def test_unpacked_files_of_another_number_are_found(root: Path) -> None:
    folder = root / "MNIST" / "raw"
    for file in list(folder.iterdir()):
        (folder / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
        file.unlink()
    assert Mnist(1, 28, 10, False).check(root) == [
        "data=mnist: 20 images in its split 'train' instead of 60000",
        "data=mnist: 20 images in its split 'test' instead of 10000",
    ]


def test_fashion_mnist_lies_elsewhere(root: Path, images: np.ndarray) -> None:
    (root / "MNIST" / "raw").rename(root / "fashion_mnist")
    assert Mnist.missing(root)
    np.testing.assert_array_equal(FashionMnist(1, 28, 10, False).load("train", root).images[:, 0], images)


def test_check_names_every_file_that_is_not_the_published_one(root: Path) -> None:
    (root / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").unlink()
    missing, *changed = Mnist(1, 28, 10, False).check(root)
    assert missing == f"t10k-labels-idx1-ubyte.gz is missing, expected in {root / 'MNIST/raw'}"
    assert len(changed) == 3
    assert "train-images-idx3-ubyte.gz has md5" in changed[0]
    assert "instead of f68b3c2dcbeaaa9fbdd348bbdeb94873: delete it and fetch it again" in changed[0]


def test_damaged_files_are_named(root: Path, tmp_path: Path) -> None:
    file = root / "MNIST" / "raw" / "train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    for damaged in (whole[:-100], whole[:50] + b"x" * 50 + whole[100:], b"<html>not found</html>"):
        file.write_bytes(damaged)
        with pytest.raises(UserError, match=r"train-images-idx3-ubyte\.gz cannot be read"):
            Mnist(1, 28, 10, False).load("train", root)


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\x08", idx(np.zeros((2, 3), np.uint8))[:-1], b"\0\0\x0d\x01\0\0\0\0"]
)
def test_read_idx_takes_nothing_incomplete(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match="file is not a complete idx file of bytes"):
        read_idx(tmp_path / "file")


def test_labels_of_another_set_are_refused(root: Path) -> None:
    labels = root / "MNIST" / "raw" / "train-labels-idx1-ubyte.gz"
    labels.write_bytes(gzip.compress(idx(np.zeros(19, np.uint8))))
    with pytest.raises(
        UserError, match=r"data=mnist: 19 labels do not go with images of shape \(20, 28, 28\)"
    ):
        Mnist(1, 28, 10, False).load("train", root)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(
        UserError, match=r"data\.image_size must be 28 or 32 \(a margin of 2\) for fashion_mnist, not 64"
    ):
        FashionMnist(1, 64, 10, False)
