"""PatchNCE in cases that have a closed form."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from gan_experiments.losses.patchnce import patch_nce


@pytest.mark.parametrize(("places", "temperature"), [(2, 0.07), (16, 0.07), (16, 1.0), (64, 0.5)])
def test_equal_orthonormal_features(places: int, temperature: float) -> None:
    """log(1 + (n - 1) e^(-1/T)); the authors' masked column adds e^(-11/T), below single precision at T = 0.07."""
    vectors = torch.eye(places).expand(3, -1, -1)
    expected = math.log(1 + (places - 1) * math.exp(-1 / temperature))
    torch.testing.assert_close(patch_nce(vectors, vectors, temperature), torch.full((3,), expected))


@pytest.mark.parametrize("places", [1, 5, 256])
def test_constant_features_tell_nothing(places: int) -> None:
    vectors = normalize(torch.ones(2, places, 7), dim=2)
    torch.testing.assert_close(patch_nce(vectors, vectors, 0.07), torch.full((2,), math.log(places)))


def test_the_other_places_of_the_same_image_are_the_negatives() -> None:
    torch.manual_seed(0)
    query, key = (normalize(torch.randn(3, 6, 4), dim=2) for _ in range(2))
    values = patch_nce(query, key, 0.3)
    for image in range(3):
        alone = patch_nce(query[image : image + 1], key[image : image + 1], 0.3)
        expected = cross_entropy(query[image] @ key[image].T / 0.3, torch.arange(6))
        torch.testing.assert_close(values[image], expected)
        torch.testing.assert_close(alone[0], expected)


def test_the_order_of_places_does_not_matter_and_the_keys_are_constants() -> None:
    torch.manual_seed(0)
    query, key = (normalize(torch.randn(2, 6, 4), dim=2).requires_grad_() for _ in range(2))
    order = torch.randperm(6)
    torch.testing.assert_close(patch_nce(query[:, order], key[:, order], 0.07), patch_nce(query, key, 0.07))
    patch_nce(query, key, 0.07).sum().backward()
    assert key.grad is None
    assert query.grad is not None


def test_it_is_computed_in_single_precision_under_autocast() -> None:
    torch.manual_seed(0)
    query, key = (normalize(torch.randn(2, 6, 4), dim=2) for _ in range(2))
    exact = patch_nce(query, key, 0.07)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(patch_nce(query, key, 0.07), exact)
