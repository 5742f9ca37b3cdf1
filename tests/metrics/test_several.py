from __future__ import annotations

import pytest
import torch
from metrics_helpers import ImageSet, random_images, sampler

from gan_experiments.errors import UserError
from gan_experiments.metrics import LeNet, NoMetrics, Several
from gan_experiments.metrics.scores import shares

CPU = torch.device("cpu")


class Shares(LeNet):
    """Another name for the same features, and fewer figures."""

    figures = (shares,)

    def key(self, figure: str) -> str:
        return f"{figure}_other"


def component(kind: type[LeNet], samples: int) -> LeNet:
    return kind(samples=samples, real=None, batch_size=16, seed=0)


def test_one_pass_gives_what_each_gives_alone(tmp_path):
    parts = {"other": component(Shares, 30), "lenet": component(LeNet, 40)}
    training, generated = ImageSet(random_images(60, 1)), random_images(40, 1, seed=1)
    together = Several(parts=parts)
    together.check(tmp_path)
    evaluation = together.evaluator(training, CPU, held_out=training)(sampler(generated))
    assert together.best == "fd_lenet"
    for name, part in parts.items():
        alone = part.evaluator(training, CPU, held_out=training)(sampler(generated[: part.samples]))
        assert evaluation.protocol[name] == alone.protocol
        for key in alone.values:
            if key != "diversity":  # the parts see different numbers of images
                assert evaluation.values[key] == pytest.approx(alone.values[key], rel=1e-5)
                assert evaluation.floor[key] == pytest.approx(alone.floor[key], abs=1e-5)
    assert {"precision_other", "precision_lenet", "fd_lenet"} < set(evaluation.values)


@pytest.mark.parametrize("parts", [{}, {"none": NoMetrics()}])
def test_parts_are_feature_networks(parts):
    with pytest.raises(UserError, match=r"metrics=\[inception,lenet\]"):
        Several(parts=parts)
