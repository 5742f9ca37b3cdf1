from __future__ import annotations

import numpy as np
import pytest
import torch
from metrics_helpers import ImageSet, random_images

from gan_experiments.metrics import LeNet, memorised

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def found():
    """Half of twenty generated images are real ones, in other places."""
    real, new = random_images(60, 1), random_images(10, 1, seed=1)
    metrics = LeNet(samples=20, real=None, batch_size=32, seed=0)
    evaluator = metrics.evaluator(ImageSet(real), CPU)
    features = evaluator.of(ImageSet(np.concatenate([new, real[30:40]])))
    return memorised.find(features, evaluator.real), evaluator.real, np.concatenate([new, real[30:40]])


def test_copies_are_found(found):
    nearest, real, _ = found
    assert nearest.places.shape == (20, memorised.NEIGHBOURS)
    assert nearest.places[10:, 0].tolist() == list(range(30, 40))
    assert not nearest.distances[10:, 0].any()
    assert nearest.distances[:10].min() > 0
    assert 0.5 <= nearest.suspect < 0.7
    assert nearest.figures()["suspects"] == nearest.suspect
    pooled = real.features.pooled.double()
    usual = torch.cdist(pooled, pooled, compute_mode="donot_use_mm_for_euclid_dist").sort(dim=1).values[:, 1]
    torch.testing.assert_close(nearest.usual, usual)


def test_the_picture_shows_the_images(found):
    nearest, real, images = found
    asked = []

    def pick(rows):
        asked.append(list(rows))
        return {row: torch.from_numpy(images[row]) for row in rows}

    figure = memorised.draw_neighbours(nearest, real, pick, 3)
    assert asked == [[0, 1, 2, 10, 11, 12]]  # the first ones, and three of the copies
    first, closest = figure.subfigs
    for part, rows in ((first, [0, 1, 2]), (closest, [10, 11, 12])):
        cells = np.array(part.axes).reshape(3, -1)
        for row, line in zip(rows, cells, strict=True):
            shown = [cell.images[0].get_array().squeeze() for cell in line]
            assert np.array_equal(shown[0], images[row][0])
            for image, place in zip(shown[1:], nearest.places[row], strict=True):
                assert np.array_equal(image, real.images.images[place][0])
            assert float(line[1].get_title()) == pytest.approx(float(nearest.distances[row, 0]), rel=0.01)


def test_modes_are_drawn_beside_the_real_ones():
    figure = memorised.draw_modes(torch.tensor([0.75, 0.25, 0]), torch.tensor([0.5, 0.3, 0.2]))
    heights = [[bar.get_height() for bar in group] for group in figure.axes[0].containers]
    assert heights == [[0.75, 0.25, 0], pytest.approx([0.5, 0.3, 0.2])]
