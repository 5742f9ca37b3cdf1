import zipfile
from pathlib import Path

import numpy as np
import pytest

from gan_experiments.data import DomainFolders, Horse2Zebra
from gan_experiments.errors import UserError


@pytest.fixture
def domains(tmp_path: Path, picture) -> Path:
    counts = {"trainA": 3, "trainB": 5, "testA": 1, "testB": 2}
    for seed, (name, count) in enumerate(counts.items()):
        for number in range(count):
            picture(tmp_path / "mine" / name / f"{number}.png", 12, 9, seed * 10 + number)
    return tmp_path / "mine"


def test_real_horses_and_zebras(real) -> None:
    root = real("horse2zebra")
    images = Horse2Zebra(3, 128, 0, True).load("test", root)
    assert images.images.shape == (120, 3, 128, 128)
    assert images.other is not None
    assert images.other.shape == (140, 3, 128, 128)
    saturation = [np.ptp(domain.astype(int), axis=1).mean() for domain in (images.images, images.other)]
    assert saturation[0] > saturation[1]  # zebras are the greyer animals


def test_two_domains_of_their_own_lengths(domains: Path, tmp_path: Path) -> None:
    data = DomainFolders(3, 9, 0, True, str(domains))
    assert data.domains == 2
    train, test = data.load("train", tmp_path), data.load("test", tmp_path)
    assert train.other is not None
    assert test.other is not None
    assert [len(part) for part in (train.images, train.other, test.images, test.other)] == [3, 5, 1, 2]
    assert train.labels is None
    assert data.check(tmp_path) == []


def test_the_archive_is_unpacked(domains: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "horse2zebra.zip", "w") as archive:
        for file in domains.rglob("*.png"):
            archive.write(file, f"horse2zebra/{file.relative_to(domains)}")
    ours = DomainFolders(3, 9, 0, True, str(domains)).load("train", tmp_path)
    theirs = Horse2Zebra(3, 9, 0, True).load("train", tmp_path)
    assert ours.digest == theirs.digest
    problems = Horse2Zebra(3, 9, 0, True).check(tmp_path)
    assert len(problems) == 4
    assert problems[0] == f"{tmp_path / 'horse2zebra' / 'trainA'} has 3 images instead of 1067"


def test_bad_pictures_and_missing_folders_are_named(domains: Path, tmp_path: Path) -> None:
    data = DomainFolders(3, 9, 0, True, str(domains))
    (domains / "trainB" / "1.png").write_bytes(b"no image")
    (domains / "testA" / "0.png").write_bytes(b"no image")
    assert [Path(problem.split(" cannot ")[0]).parent.name for problem in data.check(tmp_path)] == [
        "trainB",
        "testA",
    ]
    (domains / "trainA").rename(domains / "train_A")
    with pytest.raises(UserError, match=r"there is no folder .*trainA"):
        data.load("train", tmp_path)


def test_no_labels() -> None:
    with pytest.raises(UserError, match=r"data\.num_classes must be 0 for horse2zebra, which has no labels"):
        Horse2Zebra(3, 256, 2, True)
