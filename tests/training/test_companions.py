"""What a model needs of the data, against what the data has: refused in words before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gan_experiments.errors import UserError
from gan_experiments.training import run
from gan_experiments.training.companions import check_companions


@pytest.mark.parametrize("model", ["cgan", "acgan", "conditional_san", "biggan"])
def test_a_model_that_is_told_the_class_needs_labels(model: str, compose: Any) -> None:
    for overrides in (["data=celeba"], ["data=digits", "data.num_classes=0"]):
        config, _ = compose(f"model={model}", *overrides)
        with pytest.raises(UserError, match=r"has no labels here; choose data with labels"):
            check_companions(config.model, config.data)
    config, _ = compose(f"model={model}")
    check_companions(config.model, config.data)


@pytest.mark.parametrize("model", ["cyclegan", "pix2pix", "cut"])
def test_a_translator_needs_two_domains(model: str, compose: Any) -> None:
    config, _ = compose(f"model={model}")
    with pytest.raises(UserError, match=r"data=digits has one\. Data with two domains: .*horse2zebra"):
        check_companions(config.model, config.data)


def test_two_domains_are_refused_before_anything_is_read(compose: Any, tmp_path: Path) -> None:
    config, record = compose("data=horse2zebra", "metrics=none", "model=gan")
    with pytest.raises(
        UserError, match=r"data=horse2zebra has two image domains.*Models that translate: cut, cyclegan"
    ):
        run(config, tmp_path, record)
    assert not list(tmp_path.iterdir())
