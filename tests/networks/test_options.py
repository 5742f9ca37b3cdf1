"""The YAML files of conf/network, conf/loss and conf/penalty."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from gan_experiments import components, losses, networks, penalties
from gan_experiments.networks import Norm

CONF = Path(__file__).parents[2] / "conf"
OPTIONS = [path for group in ("network", "loss", "penalty") for path in sorted((CONF / group).glob("*.yaml"))]


def load(option: str) -> object:
    components.register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return OmegaConf.to_object(compose(option))[option.split("/")[0]]  # type: ignore[index, call-overload]


@pytest.mark.parametrize("path", OPTIONS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_option_says_what_it_is_and_gives_every_value(path: Path) -> None:
    assert path.read_text().startswith("# ")
    component = load(f"{path.parent.name}/{path.stem}")
    assert dataclasses.is_dataclass(component)
    assert "???" not in dataclasses.asdict(component).values()


def test_the_papers_values() -> None:
    assert load("network/mlp") == networks.MLP(256, Norm.none, slope=0.2)
    assert load("network/dcgan") == networks.DCGAN(64, Norm.batch, slope=0.2)
    assert load("network/sndcgan") == networks.SNDCGAN(64, Norm.batch, slope=0.1)
    assert load("network/resnet") == networks.ResNet(64, Norm.batch)
    assert load("loss/non_saturating") == losses.NonSaturating(0.0)
    assert load("penalty/gp") == penalties.GradientPenalty(weight=10.0, every=1, target=1.0)
    assert load("penalty/clip") == penalties.WeightClipping(0.01)
