"""What a generator is given, as rows."""

from __future__ import annotations

import pytest
import torch

from gan_experiments.types import Inputs


@pytest.fixture
def inputs() -> Inputs:
    return Inputs(torch.arange(10.0).view(5, 2), labels=torch.arange(5))


def test_rows_of_every_part_go_together(inputs: Inputs) -> None:
    assert len(inputs) == 5
    some = inputs[1:3]
    assert some.z.tolist() == [[2, 3], [4, 5]]
    assert some.labels.tolist() == [1, 2]
    assert some.images is None
    twice = some.repeated(2)
    assert twice.labels.tolist() == [1, 1, 2, 2]
    assert twice.z.tolist() == [[2, 3], [2, 3], [4, 5], [4, 5]]


@pytest.mark.parametrize(("size", "sizes"), [(2, [2, 2, 1]), (5, [5]), (9, [5])])
def test_split_and_concatenated_are_inverse(size: int, sizes: list[int], inputs: Inputs) -> None:
    parts = list(inputs.split(size))
    assert [len(part) for part in parts] == sizes
    whole = Inputs.concatenated(parts)
    assert torch.equal(whole.z, inputs.z)
    assert torch.equal(whole.labels, inputs.labels)
    assert whole.images is None


def test_what_has_images_alone_has_rows_too() -> None:
    inputs = Inputs(images=torch.zeros(3, 1, 2, 2))
    assert len(inputs) == 3
    assert inputs[:2].images.shape == (2, 1, 2, 2)
    assert inputs[:2].z is None
