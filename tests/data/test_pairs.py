import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.data import Facades, Loader, Maps, PairedFolders, loader
from gan_experiments.errors import UserError

SIZE = 8


def of(path: Path, **settings) -> PairedFolders:
    given = {"channels": 3, "image_size": SIZE, "num_classes": 0, "flip": True, **settings}
    return PairedFolders(**given, path=str(path))


def write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def noise(seed: int, height: int = 9, width: int = 9) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture(params=["side by side", "two folders"])
def negatives(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Pairs of which the second is the negative of the first, in both layouts."""
    for split, count in (("train", 7), ("val", 3)):
        for number in range(count):
            image = noise(number)
            if request.param == "side by side":
                write(tmp_path / "mine" / split / f"{number}.png", np.hstack([image, 255 - image]))
            else:
                write(tmp_path / "mine" / f"{split}A" / f"{number}.png", image)
                write(tmp_path / "mine" / f"{split}B" / f"{number}.bmp", 255 - image)
    return tmp_path / "mine"


def test_partners_lie_in_equal_rows(negatives: Path, tmp_path: Path) -> None:
    for reverse in (False, True):
        train, test = (of(negatives, reverse=reverse).load(split, tmp_path) for split in ("train", "test"))
        assert train.paired
        assert (train.images.shape, train.crop) == ((7, 3, 9, 9), SIZE)
        assert (test.images.shape, test.crop) == ((3, 3, 8, 8), None)
        expected = np.stack([noise(number) for number in range(7)]).transpose(0, 3, 1, 2)
        np.testing.assert_array_equal(train.images if reverse else train.sources, expected)
        np.testing.assert_array_equal(train.images, 255 - train.sources)
    assert of(negatives).check(tmp_path) == []


@pytest.mark.parametrize("room", [float("inf"), 0], ids=["resident", "streamed"])
def test_a_pair_stays_a_pair_under_crops_and_flips(
    negatives: Path, tmp_path: Path, room: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "_room", lambda device: room)
    batches = Loader(of(negatives).load("train", tmp_path), 4, "cpu", 0, flip=True)
    seen = set()
    for _ in range(60):
        batch = next(batches)
        assert batch.images.shape == (4, 3, SIZE, SIZE)
        assert (batch.images + batch.sources).abs().max() < 1e-6
        seen |= {image.numpy().tobytes() for image in batch.images}
    assert len(seen) > 40  # of 7 images, 4 places and 2 directions: 56


def test_without_a_test_folder_there_is_no_test_split(negatives: Path, tmp_path: Path) -> None:
    for folder in negatives.glob("val*"):
        folder.rename(folder.with_name(folder.name.replace("val", "test")))
    assert len(of(negatives).load("test", tmp_path)) == 3
    for folder in negatives.glob("test*"):
        folder.rename(folder.with_name("old" + folder.name))
    with pytest.raises(UserError, match=r"has no split 'test' here, only 'train'"):
        of(negatives).load("test", tmp_path)


def test_every_file_without_a_partner_is_named(tmp_path: Path) -> None:
    for name in ("trainA/1.png", "trainB/1.png", "trainA/a/2.png", "trainB/a/2.jpg"):
        write(tmp_path / "mine" / name, noise(0))
    assert len(of(tmp_path / "mine").load("train", tmp_path)) == 2
    write(tmp_path / "mine" / "trainB" / "3.png", noise(0))
    with pytest.raises(UserError, match=r"trainB/3\.png has no partner of the same name in .*trainA$"):
        of(tmp_path / "mine").load("train", tmp_path)
    (tmp_path / "mine" / "trainB" / "1.png").unlink()
    write(tmp_path / "mine" / "trainA" / "4.png", noise(0))
    with pytest.raises(UserError, match=r"trainA/1\.png has no partner .*trainB \(nor have 1 others\)"):
        of(tmp_path / "mine").load("train", tmp_path)
    assert "no partner" in of(tmp_path / "mine").check(tmp_path)[0]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("trainA/1.png", "trainA/1.jpg", "trainB/1.png"):
        write(tmp_path / "mine" / name, noise(0))
    with pytest.raises(UserError, match=r"trainA/1\.jpg and .*trainA/1\.png have one name"):
        of(tmp_path / "mine").load("train", tmp_path)


def test_partners_may_differ_in_size_but_not_in_proportions(tmp_path: Path) -> None:
    write(tmp_path / "mine" / "trainA" / "1.png", noise(0, 10, 20))
    write(tmp_path / "mine" / "trainB" / "1.png", noise(0, 30, 60))
    assert of(tmp_path / "mine").load("train", tmp_path).images.shape == (1, 3, 9, 9)
    write(tmp_path / "mine" / "trainB" / "1.png", noise(0, 30, 61))
    with pytest.raises(
        UserError, match=r"1\.png \(20x10\) and its partner .*1\.png \(61x30\) differ in prop"
    ):
        of(tmp_path / "mine").load("train", tmp_path)


def test_layouts_that_are_neither_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        of(tmp_path / "mine").load("train", tmp_path)
    (tmp_path / "mine").mkdir()
    with pytest.raises(UserError, match=r"either a folder train .*; it has neither"):
        of(tmp_path / "mine").load("train", tmp_path)
    (tmp_path / "mine" / "train").mkdir()
    (tmp_path / "mine" / "trainA").mkdir()
    with pytest.raises(UserError, match="it has both"):
        of(tmp_path / "mine").load("train", tmp_path)


def test_an_odd_width_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "mine" / "train" / "odd.png", noise(0, 9, 19))
    with pytest.raises(UserError, match=r"odd\.png is 19 pixels wide, which two pictures cannot share"):
        of(tmp_path / "mine").load("train", tmp_path)


def test_sources_may_be_grey(negatives: Path, tmp_path: Path) -> None:
    loaded = of(negatives, source_channels=1).load("train", tmp_path)
    batch = next(Loader(loaded, 2, "cpu", 0, flip=True))
    assert (batch.sources.shape, batch.images.shape) == ((2, 1, SIZE, SIZE), (2, 3, SIZE, SIZE))


def test_real_maps(real) -> None:
    test = Maps(3, 64, 0, True).load("test", real("maps"))
    assert test.sources.shape == test.images.shape == (60, 3, 64, 64)
    # Maps are drawn: brighter than photographs, and flat where these are rough.
    rough = [np.abs(np.diff(part.astype(int))).mean() for part in (test.sources, test.images)]
    assert rough[0] > 1.5 * rough[1]
    assert test.images.mean() > test.sources.mean() + 50


def test_archives_are_unpacked(tmp_path: Path) -> None:
    for kind, splits in ((Maps, ("train", "val")), (Facades, ("train", "val", "test"))):
        with tarfile.open(tmp_path / f"{kind.option}.tar.gz", "w:gz") as archive:
            for number, split in enumerate(splits):
                content = io.BytesIO()
                Image.fromarray(noise(number, 9, 18)).save(content, "png")
                member = tarfile.TarInfo(f"{kind.option}/{split}/1.png")
                member.size = content.tell()
                content.seek(0)
                archive.addfile(member, content)
        data = kind(3, SIZE, 0, True)
        left = data.load("train", tmp_path).sources[0].transpose(1, 2, 0)
        np.testing.assert_array_equal(left, noise(0, 9, 18)[:, :9])
        plain = kind(3, 9, 0, True, load_size=9).load("test", tmp_path)  # facades' test, maps' val
        np.testing.assert_array_equal(
            plain.images[0].transpose(1, 2, 0), noise(len(splits) - 1, 9, 18)[:, 9:]
        )
        problems = data.check(tmp_path)
        assert (
            problems[0]
            == f"{tmp_path / kind.option / 'train'} has 1 images instead of {kind.counts['train']}"
        )
        assert len(problems) == len(splits)
