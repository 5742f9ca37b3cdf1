"""data/base.py"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gan_experiments.data import Data, ImageSet
from gan_experiments.errors import UserError
from gan_experiments.types import ImageShape

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 3, 4, 4), dtype=np.uint8)
LABELS = np.arange(20) % 5


@dataclass
class Toy(Data):
    def read(self, split: str, root: Path) -> ImageSet:
        return ImageSet(IMAGES, LABELS if split == "train" else None)


def test_digest_depends_on_every_part_and_on_nothing_else() -> None:
    sets = [
        ImageSet(IMAGES),
        ImageSet(IMAGES[::-1].copy()),
        ImageSet(IMAGES.reshape(20, 3, 2, 8)),
        ImageSet(IMAGES, LABELS),
        ImageSet(IMAGES, sources=IMAGES),
    ]
    assert len({images.digest for images in sets}) == len(sets)
    assert ImageSet(IMAGES.copy(), LABELS.copy()).digest == sets[3].digest


def test_digest_of_a_mapped_file_is_noted_beside_it(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="c")
    assert ImageSet(mapped).digest == ImageSet(IMAGES).digest
    note = tmp_path / "a.sha256"
    assert len(note.read_text().split()[0]) == 64
    note.write_text("remembered\n")
    assert ImageSet(mapped).digest != ImageSet(IMAGES).digest  # the note was read, the pixels were not


def test_a_part_of_a_mapped_file_has_its_own_digest(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", IMAGES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="c")
    whole = ImageSet(mapped).digest
    assert ImageSet(mapped[:10]).digest == ImageSet(IMAGES[:10]).digest != whole
    assert ImageSet(mapped[:, :, ::-1]).digest == ImageSet(IMAGES[:, :, ::-1].copy()).digest != whole


def test_shape_needs_no_data() -> None:
    assert Toy(3, 4, 5, False).shape == ImageShape(3, 4, classes=5)


def test_labels_are_left_out_for_no_classes(tmp_path: Path) -> None:
    assert Toy(3, 4, 0, False).load("train", tmp_path).labels is None
    labels = Toy(3, 4, 5, False).load("train", tmp_path).labels
    np.testing.assert_array_equal(labels, LABELS)


@pytest.mark.parametrize(
    ("classes", "split", "message"),
    [
        (4, "train", r"data\.num_classes is 4, but the labels of data=test_image_set go from 0 to 4"),
        (5, "test", r"has no labels here; set data\.num_classes=0"),
        (5, "valid", r"has no split 'valid' here, only 'train' and 'test'"),
    ],
)
def test_what_cannot_be_had_is_said(tmp_path: Path, classes: int, split: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Toy(3, 4, classes, False).load(split, tmp_path)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((2, 4, 0), r"data\.channels must be 1 \(grey\) or 3 \(colour\), not 2"),
        ((3, 0, 0), r"data\.image_size must be at least 1, not 0"),
        ((3, 4, -1), r"data\.num_classes must be 0 \(no labels\) or more, up to 100,000, not -1"),
    ],
)
def test_bad_values_are_refused(values: tuple[int, int, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Toy(*values, False)
