"""Any head that fits goes over any adversarial model; the others are refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from gan_experiments.errors import UserError
from gan_experiments.training.run import Run

UNTOLD, TOLD = ["linear", "san"], ["projection", "classifier", "class_san"]


@pytest.mark.parametrize(
    ("model", "head"),
    [(m, h) for m in ("dcgan", "wgan_gp", "gngan", "vaegan") for h in UNTOLD]
    + [(m, h) for m in ("cgan", "acgan", "biggan") for h in TOLD],
)
def test_a_head_trains_over_a_model(model: str, head: str, compose: Any, tmp_path: Path) -> None:
    config, record = compose(
        f"model={model}", f"head@model.head={head}", "data.image_size=16", "network.width=2"
    )
    config.model.check(config.loss, config.data)
    run = Run(config, tmp_path, record)
    before = {name: p.clone() for name, p in run.networks["discriminator"].named_parameters()}
    run.engine.iterate()
    assert all(torch.tensor(value).isfinite() for value in run.engine.drain().values())
    moved = {
        name
        for name, p in run.networks["discriminator"].named_parameters()
        if not torch.equal(p, before[name])
    }
    # A bias has no gradient where the loss is a difference of scores.
    assert {name for name in before if name.startswith("head.") and not name.endswith("bias")} <= moved
    if "san" in head:
        norms = run.networks["discriminator"].head.omega.norm(dim=-1)
        torch.testing.assert_close(norms, torch.ones_like(norms))  # also where the method has no constraint


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model=dcgan", "head@model.head=projection"], "choose head@model.head=linear or san"),
        (["model=vaegan", "head@model.head=classifier"], "this model's generator is not"),
        (["model=dcgan", "model.head=null"], "needs a last layer, for example head@model.head=linear"),
        (["model=dcgan", "head@model.head=san", "loss=least_squares"], "softplus_least_squares"),
        (["model=vaegan", "head@model.head=san", "loss=least_squares"], "softplus_least_squares"),
        (["model=biggan", "head@model.head=class_san", "loss=least_squares"], "softplus_least_squares"),
        (["model=biggan", "head@model.head=linear"], "nothing tells this model's discriminator the class"),
        (
            ["model=cgan", "model.label_channels=false"],
            "choose head@model.head=projection, classifier or class_san",
        ),
        (["model=began", "head@model.head=linear"], "ends in a part of its own: model.head=null"),
        (["model=mmdgan", "head@model.head=san"], "ends in a part of its own: model.head=null"),
    ],
)
def test_heads_that_make_no_sense(overrides: list[str], message: str, compose: Any) -> None:
    config, _ = compose(*overrides)
    with pytest.raises(UserError, match=message):
        config.model.check(config.loss, config.data)
