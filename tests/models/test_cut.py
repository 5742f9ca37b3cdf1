"""CUT's and FastCUT's terms, computed by hand for networks of one number."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from model_helpers import reaches
from torch import Tensor
from translation_helpers import SIZE, a_batch, a_step, an_engine, toy

from gan_experiments.errors import UserError
from gan_experiments.losses.patchnce import patch_nce
from gan_experiments.types import ImageShape

GAIN, WEIGHT = 0.5, 0.8
ALL = "model.places=16"  # every place of a 4x4 map


def expected_nce(model: Any, originals: Tensor, translated: Tensor) -> Tensor:
    """The mean over both feature maps of PatchNCE at all places, in order: a sum over places knows none."""
    places = [torch.arange(SIZE * SIZE).expand(len(originals), -1)] * 2
    keys = model.projector(model.generator.features(originals), places)
    queries = model.projector(model.generator.features(translated), places)
    layers = [patch_nce(q, k, 0.07) for q, k in zip(queries, keys, strict=True)]
    return torch.stack(layers).mean()


def test_every_term_of_cut_by_hand(compose: Any) -> None:
    model, batch = toy(compose, "model=cut", ALL), a_batch()
    a, b, step = batch.sources, batch.images, a_step(batch)
    discriminator, generator = model.phases()
    fake = GAIN * a
    torch.testing.assert_close(
        discriminator.loss(step),
        {"adversarial": 0.5 * ((WEIGHT * b - 1).square().mean() + (WEIGHT * fake).square().mean())},
    )
    torch.testing.assert_close(
        generator.loss(step),
        {
            "adversarial": (WEIGHT * fake - 1).square().mean(),
            "nce": 0.5 * expected_nce(model, a, fake),
            "nce_identity": 0.5 * expected_nce(model, b, GAIN * b),
        },
    )


@pytest.mark.parametrize("flip", [0, 1])
def test_every_term_of_fastcut_by_hand(compose: Any, flip: int) -> None:
    """Mirroring before a network that works pixel by pixel and mirroring back changes nothing but the order."""
    model, batch = toy(compose, "model=fastcut", ALL, f"model.flip={flip}"), a_batch()
    a, step = batch.sources, a_step(batch)
    seen = GAIN * (a.flip(3) if flip else a)
    torch.testing.assert_close(model.fakes(step), seen)
    torch.testing.assert_close(
        model.generator_loss(step),
        {
            "adversarial": (WEIGHT * seen - 1).square().mean(),
            "nce": 10 * expected_nce(model, a, GAIN * a),
        },
    )


def test_fastcuts_flip_at_probability_0_is_cut_without_the_identity_term(compose: Any) -> None:
    cut = toy(compose, "model=cut", "model.nce_identity=false", "model.nce=10")
    fast = toy(compose, "model=fastcut", "model.flip=0")
    torch.testing.assert_close(cut.generator_loss(a_step()), fast.generator_loss(a_step()))


def test_half_of_the_images_are_mirrored_and_their_features_back(compose: Any) -> None:
    model, batch = toy(compose, "model=fastcut"), a_batch(200)
    step = a_step(batch)
    fakes = model.fakes(step)
    same = [torch.equal(fake, GAIN * image) for fake, image in zip(fakes, batch.sources, strict=True)]
    assert 70 < sum(same) < 130
    torch.testing.assert_close(model.mirrored(fakes, step), GAIN * batch.sources)


def test_gradients_flow_where_they_must(compose: Any) -> None:
    model, step = toy(compose, "model=cut"), a_step()
    losses = model.generator_loss(step)
    assert reaches(losses["adversarial"], model.generator)
    assert not reaches(losses["adversarial"], model.projector)
    assert reaches(losses["nce"], model.projector)
    assert not any(step.shared[name].requires_grad for name in step.shared if name.startswith("key/"))
    assert set(model.phases()[1].updates) == {"generator", "projector"}


def test_the_keys_are_constants_for_generator_and_projector(compose: Any) -> None:
    """The gradients are those of PatchNCE with the keys put in as numbers."""
    engine = an_engine(
        compose, "model=cut", "model.places=64", shape=ImageShape(3, 16, source=ImageShape(3, 16))
    )
    model, batch = engine.model, a_batch(2, ImageShape(3, 16, source=ImageShape(3, 16)))
    weights = [*model.generator.parameters(), *model.projector.parameters()]
    step = a_step(batch)
    value = sum(term for name, term in model.generator_loss(step).items() if name != "adversarial")
    originals = torch.cat([batch.sources, batch.images])
    again = a_step(batch)
    with torch.no_grad():
        maps = model.generator.features(originals)
    places = []
    for part in maps:  # after no other draw, since this network has no noise
        area = part[0, 0].numel()
        draws = torch.cat([again.noise.uniform(2, area) for _ in range(2)])
        places.append(draws.topk(min(64, area), dim=1).indices)
    with torch.no_grad():
        keys = model.projector(maps, places)
    queries = model.projector(model.generator.features(model.generator(originals)), places)
    expected = torch.stack([patch_nce(q, k, 0.07) for q, k in zip(queries, keys, strict=True)]).mean()
    torch.testing.assert_close(value, expected)
    found, right = (torch.autograd.grad(loss, weights) for loss in (value, expected))
    torch.testing.assert_close(found, right, atol=1e-5, rtol=1e-4)


def test_places_are_different_ones_of_every_map(compose: Any) -> None:
    model = toy(compose, "model=cut", "model.places=5")
    chosen = model.chosen(torch.zeros(4, 1, SIZE, SIZE), a_step())
    assert chosen.shape == (4, 5)
    assert all(len(set(row)) == 5 and set(row) <= set(range(16)) for row in chosen.tolist())
    assert len({tuple(row) for row in chosen.tolist()}) > 1


def test_bad_settings_are_refused(compose: Any) -> None:
    for name in ("places", "projector_dim"):
        with pytest.raises(UserError, match=rf"model\.{name} must be at least 1, not 0"):
            compose("model=cut", f"model.{name}=0")
    with pytest.raises(UserError, match=r"model\.temperature must be above 0"):
        compose("model=cut", "model.temperature=0")
    with pytest.raises(UserError, match=r"model\.flip must be in \[0, 1\]"):
        compose("model=cut", "model.flip=2")
    with pytest.raises(UserError, match="PatchNCE .* channels must agree"):
        an_engine(compose, "model=cut", shape=ImageShape(3, 16, source=ImageShape(1, 16)))


def test_the_papers_settings(compose: Any) -> None:
    cut, fast = (compose(f"model={name}")[0].model for name in ("cut", "fastcut"))
    assert (cut.nce, cut.nce_identity, cut.flip) == (1, True, 0)
    assert (fast.nce, fast.nce_identity, fast.flip) == (10, False, 0.5)
    assert (cut.temperature, cut.places, cut.projector_dim) == (0.07, 256, 256)
