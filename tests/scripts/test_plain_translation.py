"""The plain loops that translate make the same updates as the package, so that their times can be compared."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import pytest
import torch
from script_helpers import SCRIPTS, load

from gan_experiments.networks.cyclegan import ImageConv2d
from gan_experiments.networks.layers import InstanceNorm
from gan_experiments.noise import Noise
from gan_experiments.training.engine import Engine
from gan_experiments.types import Batch, ImageShape

SHAPE = ImageShape(3, 16, source=ImageShape(3, 16))


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, with torch's own layers for the length of a test."""
    monkeypatch.setattr(sys, "path", [str(SCRIPTS), *sys.path])
    for layer in (InstanceNorm, ImageConv2d):
        monkeypatch.setattr(layer, "forward", layer.forward)
    module = load("plain_translation")
    module.textbook_layers()
    return module


@pytest.mark.parametrize(
    ("model", "settings", "alike"),
    [
        ("pix2pix", ["network.dropout=0"], ["generator", "discriminator"]),
        # Its discriminators see fakes made anew, by generators that have moved.
        ("cyclegan", [], ["generator_a_to_b", "generator_b_to_a"]),
    ],
)
def test_one_iteration_moves_the_weights_as_ours_does(
    plain: Any, compose: Any, model: str, settings: list[str], alike: list[str]
) -> None:
    sizes = ["network.width=2", "network.discriminator_layers=1"]
    config, _ = compose(f"model={model}", *sizes, *settings)
    a, b = torch.rand(2, 2, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    built = []
    for _ in range(2):
        torch.manual_seed(0)
        built.append(config.model.build(config.network, config.loss, SHAPE))
    theirs, ours = built
    engine = Engine(
        config.model,
        ours,
        config.optim,
        config.gpu,
        a.device,
        lambda: Batch(b, sources=a),
        Noise(0, a.device),
        len(a),
        config.train.length,
        0,
    )
    engine.iterate()
    optimizers = {
        phase.rate: torch.optim.Adam(
            itertools.chain(*(theirs[name].parameters() for name in phase.updates)), 2e-4, (0.5, 0.999)
        )
        for phase in config.model.phases()
    }
    getattr(plain, model)(config, theirs, optimizers, itertools.repeat((a, b)))()
    for name in alike:
        for p, q in zip(theirs[name].parameters(), ours[name].parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=2e-5)
