from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from gan_experiments.data import Digits
from gan_experiments.errors import UserError

ROOT = Path("nowhere")


def test_splits_are_the_whole_set_without_overlap() -> None:
    digits = Digits(1, 8, 10, False)
    train, test = digits.load("train", ROOT), digits.load("test", ROOT)
    assert (len(train), len(test)) == (1500, 297)
    values, labels = load_digits(return_X_y=True)
    exact = np.round(values * 255 / 16).astype(np.uint8)  # at 8x8 nothing is interpolated
    rows = np.concatenate([train.images, test.images]).reshape(1797, 64)
    assert sorted(map(bytes, rows)) == sorted(map(bytes, exact))
    np.testing.assert_array_equal(
        np.bincount(np.concatenate([train.labels, test.labels])), np.bincount(labels)
    )


def test_default_size_and_range() -> None:
    images = Digits(1, 32, 10, False).load("train", ROOT)
    assert images.images.shape == (1500, 1, 32, 32)
    assert images.images.dtype == np.uint8
    assert (images.images.min(), images.images.max()) == (0, 255)


def test_same_pixels_every_time() -> None:
    first, second = (Digits(1, 32, 10, False).load("train", ROOT) for _ in range(2))
    assert first.digest == second.digest


def test_colour_is_grey_repeated_and_labels_can_be_left_out() -> None:
    images = Digits(3, 16, 0, False).load("test", ROOT)
    assert images.images.shape == (297, 3, 16, 16)
    assert images.labels is None


def test_smaller_than_the_originals_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.image_size must be at least 8 for digits, not 4"):
        Digits(1, 4, 10, False)
