import numpy as np
import pytest
from PIL import Image

from gan_experiments.data.transforms import center_crop, resize, to_channels
from gan_experiments.errors import UserError

COLOUR = np.random.default_rng(0).integers(0, 256, (5, 3, 12, 9), dtype=np.uint8)


def test_colour_becomes_the_luminance_that_pil_computes() -> None:
    grey = to_channels(COLOUR, 1)
    expected = [np.asarray(Image.fromarray(image.transpose(1, 2, 0)).convert("L")) for image in COLOUR]
    np.testing.assert_array_equal(grey[:, 0], np.stack(expected))


def test_grey_is_repeated() -> None:
    grey = COLOUR[:, :1]
    colour = to_channels(grey, 3)
    assert colour.shape == COLOUR.shape
    for channel in range(3):
        np.testing.assert_array_equal(colour[:, channel], grey[:, 0])


def test_the_same_number_of_channels_is_no_copy() -> None:
    assert to_channels(COLOUR, 3) is COLOUR


def test_other_channel_counts_are_refused() -> None:
    with pytest.raises(UserError, match=r"4 channels cannot become images of data\.channels=3"):
        to_channels(np.zeros((1, 4, 2, 2), np.uint8), 3)


@pytest.mark.parametrize("size", [4, 30])
def test_resize_agrees_with_pils_antialiased_bilinear_filter(size: int) -> None:
    ours = resize(COLOUR, size, chunk=2).astype(int)
    pils = [
        Image.fromarray(i.transpose(1, 2, 0)).resize((size, size), Image.Resampling.BILINEAR) for i in COLOUR
    ]
    expected = np.stack([np.asarray(i).transpose(2, 0, 1) for i in pils]).astype(int)
    assert np.abs(ours - expected).max() <= 1


def test_center_crop_takes_the_middle() -> None:
    rows = np.arange(12, dtype=np.uint8)[None, None, :, None] * np.ones((1, 1, 1, 9), np.uint8)
    np.testing.assert_array_equal(center_crop(rows)[0, 0, :, 0], np.arange(1, 10))
    cropped = center_crop(COLOUR, 4)
    np.testing.assert_array_equal(cropped, COLOUR[:, :, 4:8, 2:6])
