import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from gan_experiments.data import Cifar10, files
from gan_experiments.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 3, 32, 32), dtype=np.uint8)
LABELS = np.arange(24).reshape(6, 4) % 10


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The six pickles and the list of classes in the format of the originals, with four images each."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    names = [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    for name, images, labels in zip(names, IMAGES, LABELS, strict=True):
        content = {"data": images.reshape(4, -1), "labels": labels.tolist()}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [str(n) for n in range(10)]}))
    md5 = {name: hashlib.md5((folder / name).read_bytes()).hexdigest() for name in (*names, "batches.meta")}
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5[name]] for name in names[:5]])
    monkeypatch.setattr(CIFAR10, "test_list", [[names[5], md5[names[5]]]])
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": md5["batches.meta"]})
    return folder


def test_pixels_and_labels_are_those_of_the_pickles(folder: Path, tmp_path: Path) -> None:
    cifar = Cifar10(3, 32, 10, True)
    train, test = cifar.load("train", tmp_path), cifar.load("test", tmp_path)
    np.testing.assert_array_equal(train.images, IMAGES[:5].reshape(20, 3, 32, 32))
    np.testing.assert_array_equal(train.labels, LABELS[:5].ravel())
    np.testing.assert_array_equal(test.images, IMAGES[5])
    assert cifar.check(tmp_path) == []


def test_grey(folder: Path, tmp_path: Path) -> None:
    grey = Cifar10(1, 32, 10, True).load("test", tmp_path).images
    first = np.asarray(Image.fromarray(IMAGES[5, 0].transpose(1, 2, 0)).convert("L"))
    np.testing.assert_array_equal(grey[0, 0], first)


@pytest.fixture
def archive(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "cifar10" / "cifar-10-python.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tape:
        tape.add(folder, "cifar-10-batches-py")
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    return path


def test_the_archive_is_unpacked_where_it_lies(archive: Path, tmp_path: Path) -> None:
    assert len(Cifar10(3, 32, 10, True).load("test", tmp_path)) == 4
    assert sorted(path.name for path in archive.parent.iterdir()) == ["cifar-10-batches-py", archive.name]


def test_an_archive_that_cannot_be_unpacked_there_goes_to_the_users_cache(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "writable", lambda folder: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    for _ in range(2):
        assert len(Cifar10(3, 32, 10, True).load("test", tmp_path)) == 4
    assert (tmp_path / "home" / "gan-experiments" / "cifar-10-batches-py" / "test_batch").is_file()
    assert list(archive.parent.iterdir()) == [archive]


def test_a_truncated_archive_leaves_nothing_behind(archive: Path, tmp_path: Path) -> None:
    archive.write_bytes(archive.read_bytes()[:-1000])
    with pytest.raises(
        UserError, match=r"cifar-10-python\.tar\.gz cannot be unpacked into .*\n.*delete it and fetch"
    ):
        Cifar10(3, 32, 10, True).load("test", tmp_path)
    assert list(archive.parent.iterdir()) == [archive]


def test_changed_pickles_are_not_opened(folder: Path, tmp_path: Path) -> None:
    file = folder / "data_batch_3"
    file.write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "owned").encode() + b"'\ntR.")
    cifar = Cifar10(3, 32, 10, True)
    with pytest.raises(UserError, match="is damaged; `gan-data check cifar10` says where"):
        cifar.load("train", tmp_path)
    (problem,) = cifar.check(tmp_path)
    assert problem.startswith(f"{file} has md5")
    file.unlink()
    assert cifar.check(tmp_path) == [f"{file} is missing"]
    assert not (tmp_path / "owned").exists()


def test_other_sizes_are_refused() -> None:
    with pytest.raises(UserError, match=r"data\.image_size must be 32 for cifar10, not 64"):
        Cifar10(3, 64, 10, True)
