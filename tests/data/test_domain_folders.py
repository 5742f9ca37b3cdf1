import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.data import DomainFolders, Horse2Zebra
from gan_experiments.errors import UserError
from gan_experiments.types import ImageShape


@pytest.fixture
def domains(tmp_path: Path, picture) -> Path:
    counts = {"trainA": 3, "trainB": 5, "testA": 1, "testB": 2}
    for seed, (name, count) in enumerate(counts.items()):
        for number in range(count):
            picture(tmp_path / "mine" / name / f"{number}.png", 12, 9, seed * 10 + number)
    return tmp_path / "mine"


def of(path: Path, **settings) -> DomainFolders:
    return DomainFolders(
        **{"channels": 3, "image_size": 8, "num_classes": 0, "flip": True, **settings}, path=str(path)
    )


def horses(size: int = 128, classes: int = 0) -> Horse2Zebra:
    return Horse2Zebra(3, size, classes, True)


def test_real_horses_and_zebras(real) -> None:
    images = horses().load("test", real("horse2zebra"))
    assert images.images.shape == (140, 3, 128, 128)
    assert images.sources.shape == (120, 3, 128, 128)
    saturation = [np.ptp(domain.astype(int), axis=1).mean() for domain in (images.images, images.sources)]
    assert saturation[0] < saturation[1]  # zebras are the greyer animals


def test_two_domains_of_their_own_lengths(domains: Path, tmp_path: Path) -> None:
    data = of(domains)
    train, test = data.load("train", tmp_path), data.load("test", tmp_path)
    assert [len(part) for part in (train.sources, train.images, test.sources, test.images)] == [3, 5, 1, 2]
    assert train.labels is None
    assert not train.paired
    assert data.check(tmp_path) == []


def test_reverse_swaps_the_domains(domains: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        plain, back = (of(domains, reverse=reverse).load(split, tmp_path) for reverse in (False, True))
        np.testing.assert_array_equal(plain.sources, back.images)
        np.testing.assert_array_equal(plain.images, back.sources)


def test_training_has_a_margin_for_crops_and_the_test_split_has_none(domains: Path, tmp_path: Path) -> None:
    # The middle 9x9 of 12x9 pixels; 286/256 of 8 is 9 as well, so that nothing is resized.
    train = of(domains).load("train", tmp_path)
    assert (train.images.shape, train.sources.shape, train.crop) == ((5, 3, 9, 9), (3, 3, 9, 9), 8)
    first = np.asarray(Image.open(domains / "trainA" / "0.png")).transpose(2, 0, 1)
    np.testing.assert_array_equal(train.sources[0], first[:, :, 1:10])
    (seen,) = train.pieces(np.arange(5))
    np.testing.assert_array_equal(seen, train.images[:, :, :8, :8])
    test = of(domains).load("test", tmp_path)
    assert (test.images.shape, test.crop) == ((2, 3, 8, 8), None)
    assert of(domains, image_size=64).load("train", tmp_path).images.shape[2:] == (72, 72)
    assert of(domains, image_size=256).load("train", tmp_path).images.shape[2:] == (286, 286)
    bare = of(domains, load_size=8).load("train", tmp_path)
    assert (bare.images.shape[2:], bare.crop) == ((8, 8), None)
    assert of(domains, load_size=11).load("train", tmp_path).images.shape[2:] == (11, 11)


def test_sources_may_have_other_channels(domains: Path, tmp_path: Path) -> None:
    for reverse in (False, True):
        data = of(domains, source_channels=1, reverse=reverse)
        assert data.shape == ImageShape(3, 8, source=ImageShape(1, 8))
        loaded = data.load("test", tmp_path)
        assert (loaded.sources.shape[1], loaded.images.shape[1]) == (1, 3)
    assert of(domains).source_shape == ImageShape(3, 8)


def test_the_archive_is_unpacked(domains: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "horse2zebra.zip", "w") as archive:
        for file in domains.rglob("*.png"):
            archive.write(file, f"horse2zebra/{file.relative_to(domains)}")
    ours = of(domains).load("train", tmp_path)
    theirs = horses(8).load("train", tmp_path)
    assert ours.digest == theirs.digest
    problems = horses(8).check(tmp_path)
    assert len(problems) == 4
    assert problems[0] == f"{tmp_path / 'horse2zebra' / 'trainA'} has 3 images instead of 1067"


def test_bad_pictures_and_missing_folders_are_named(domains: Path, tmp_path: Path) -> None:
    data = of(domains)
    (domains / "trainB" / "1.png").write_bytes(b"no image")
    (domains / "testA" / "0.png").write_bytes(b"no image")
    assert [Path(problem.split(" cannot ")[0]).parent.name for problem in data.check(tmp_path)] == [
        "trainB",
        "testA",
    ]
    (domains / "trainA").rename(domains / "train_A")
    with pytest.raises(UserError, match=r"there is no folder .*trainA"):
        data.load("train", tmp_path)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_classes": 2}, r"data\.num_classes must be 0 for domain_folders, which has no labels"),
        ({"source_channels": 2}, r"data\.source_channels must be 1 \(grey\) or 3 \(colour\), not 2"),
        ({"load_size": 7}, r"data\.load_size=7 is smaller than the crops of data\.image_size=8"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        of(Path("nowhere"), **settings)
