"""Pictures of images side by side."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gan_experiments.grids import GREY, grid, panels_grid, to_image, to_uint8


def test_bytes_round_trip() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_uint8(levels.float() / 127.5 - 1), levels)
    assert to_uint8(torch.tensor([-5.0, 5.0])).tolist() == [0, 255]
    assert np.array_equal(np.asarray(to_image(levels.view(1, 16, 16))).flatten(), np.arange(256))
    assert to_image(torch.full((3, 1, 2), 0.5)).getpixel((1, 0)) == (128, 128, 128)


@pytest.mark.parametrize(
    ("count", "size", "columns", "scale"),
    [(10, 4, 4, 32), (64, 32, 8, 2), (1, 32, 1, 16), (3, 256, 2, 1), (64, 128, 8, 1)],
)
def test_a_grid_is_near_square_wide_enough_and_has_seams(
    count: int, size: int, columns: int, scale: int
) -> None:
    images = torch.full((count, 1, size, size), -1.0)
    images[0, 0, 0, 1] = 2.0  # brighter than white
    picture = grid(images)
    side, rows = size * scale + 2, -(-count // columns)
    assert picture.shape == (3, rows * side + 2, columns * side + 2)
    assert picture.shape[2] >= 512
    assert (picture[:, :2] == GREY).all()
    assert (picture[:, :, -2:] == GREY).all()
    assert (picture[:, 2 : 2 + scale, 2 : 2 + scale] == 0).all()
    assert (picture[:, 2 : 2 + scale, 2 + scale : 2 + 2 * scale] == 1).all()


@pytest.mark.parametrize(("count", "across"), [(1, 1), (2, 1), (5, 2), (32, 4)])
def test_panels_stand_side_by_side_in_a_near_square(count: int, across: int) -> None:
    grey, colour = torch.full((count, 1, 64, 64), -1.0), torch.ones(count, 3, 64, 64)
    picture = panels_grid({"source": grey, "output": colour})
    scale = {1: 4, 2: 2, 4: 1}[across]
    assert picture.shape == (3, -(-count // across) * (64 * scale + 2) + 2, 2 * across * (64 * scale + 2) + 2)
    assert picture[:, 2:5, 2:5].max() == 0
    assert picture[:, 2:5, 64 * scale + 4 : 64 * scale + 9].min() == 1
