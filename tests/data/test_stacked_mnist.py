from pathlib import Path

import numpy as np
import pytest

from gan_experiments.data import Mnist
from gan_experiments.data.stacked_mnist import StackedMnist
from gan_experiments.errors import UserError


def test_each_colour_is_a_digit_and_the_label_their_number(real) -> None:
    root: Path = real("mnist")
    stacked = StackedMnist(3, 28, 1000, False, samples=500)
    digits = Mnist(1, 28, 10, False).load("test", root)
    images = stacked.load("test", root)
    assert images.images.shape == (50, 3, 28, 28)
    classes = {image.tobytes(): label for image, label in zip(digits.images, digits.labels, strict=True)}
    for image, label in zip(images.images, images.labels, strict=True):
        hundreds, tens, ones = (classes[np.ascontiguousarray(digit).tobytes()] for digit in image)
        assert label == 100 * hundreds + 10 * tens + ones
    train = stacked.load("train", root)
    assert len(train) == 500
    assert len(np.unique(train.labels)) > 350  # of 500 draws of 1,000: 393 +- 10
    assert stacked.check(root) == []
    again = StackedMnist(3, 28, 1000, False, samples=500).load("train", root)
    assert again.digest == train.digest


def test_settings_that_make_no_stack() -> None:
    with pytest.raises(UserError, match=r"data\.channels must be 3 for stacked_mnist"):
        StackedMnist(1, 28, 0, False, samples=500)
    with pytest.raises(UserError, match=r"data\.samples must be at least 10, not 9"):
        StackedMnist(3, 28, 0, False, samples=9)
