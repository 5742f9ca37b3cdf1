"""Feeds: the same stream however it is taken, for every rank, seed and class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import tiny
from gan_experiments.errors import UserError
from gan_experiments.models import Feed
from gan_experiments.models.feeds import BLOCK, ImageFeed
from gan_experiments.noise import Noise
from gan_experiments.types import ImageShape, Inputs

CPU = torch.device("cpu")
STREAM = 300


def model_of(name: str) -> Any:
    config, _ = tiny.compose(f"model={name}", "network=mlp", "model.latent_dim=3")
    config.model.build(config.network, config.loss, ImageShape(1, 8, classes=10))
    return config.model


MODELS = {name: model_of(name) for name in ("gan", "cgan")}
IMAGES = np.random.default_rng(0).integers(0, 256, (STREAM, 1, 2, 2), dtype=np.uint8)


def image_feed(seed: int) -> ImageFeed:
    def draw(images: Tensor, noise: Noise) -> Inputs:
        return Inputs(noise.normal(len(images), 3), images=images)

    return ImageFeed(draw, IMAGES, seed, CPU)


def feed_of(kind: str, seed: int = 0) -> Feed:
    return image_feed(seed) if kind == "images" else MODELS[kind].feed(seed, CPU)


def same(left: Inputs, right: Inputs) -> bool:
    pairs = [(getattr(left, name), getattr(right, name)) for name in ("z", "labels", "images")]
    return all((a is None and b is None) or torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("kind", ["gan", "cgan", "images"])
@given(st.lists(st.tuples(st.booleans(), st.integers(1, 150)), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_any_split_into_takes_and_skips_is_the_same_stream(kind: str, moves: list[tuple[bool, int]]) -> None:
    feed, place = feed_of(kind), 0
    whole = feed_of(kind).take(STREAM)
    for take, count in moves:
        if place + count > STREAM:
            break
        if take:
            assert same(feed.take(count), whole[place : place + count])
        else:
            feed.skip(count)
        place += count


@pytest.mark.parametrize("kind", ["gan", "cgan", "images"])
def test_no_row_comes_twice_and_another_seed_is_another_stream(kind: str) -> None:
    rows = feed_of(kind).take(STREAM).z
    assert len(rows.unique(dim=0)) == STREAM
    assert not (rows[:, None] == feed_of(kind, 1).take(STREAM).z).all(2).any()


def test_a_class_that_is_asked_for_leaves_the_latents_as_they_are() -> None:
    every, one = MODELS["cgan"].feed(0, CPU).take(100), MODELS["cgan"].feed(0, CPU, label=7).take(100)
    assert torch.equal(every.z, one.z)
    assert one.labels.tolist() == [7] * 100
    assert every.labels.unique().tolist() == list(range(10))


def test_a_model_that_is_told_no_class_refuses_one() -> None:
    with pytest.raises(UserError, match="not told which class"):
        MODELS["gan"].feed(0, CPU, label=1).take(1)


def test_images_are_walked_through_once_in_their_order() -> None:
    feed = image_feed(0)
    assert feed.length == STREAM
    first, rest = feed.take(BLOCK + 1), feed.take(STREAM - BLOCK - 1)
    seen = torch.cat([first.images, rest.images])
    assert torch.equal(seen, torch.from_numpy(IMAGES).float() / 127.5 - 1)
    assert MODELS["gan"].feed(0, CPU).length is None


def test_global_random_numbers_are_left_alone() -> None:
    state = torch.get_rng_state()
    for kind in ("gan", "cgan", "images"):
        feed_of(kind).take(5)
    assert torch.equal(torch.get_rng_state(), state)
