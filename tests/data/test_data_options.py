"""conf/data: every option composes into its component."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from gan_experiments.data import Data

CONF = Path(__file__).resolve().parents[2] / "conf" / "data"
OPTIONS = sorted(file.stem for file in CONF.glob("*.yaml"))
PATHS = ("npz", "folder", "domain_folders", "paired_folders")
PAIRED = {"maps", "facades", "paired_folders"}
TRANSLATED = {"horse2zebra", "domain_folders"} | PAIRED


@pytest.mark.parametrize("option", OPTIONS)
def test_option_composes_into_its_class(option: str, compose) -> None:
    path = ["data.path=somewhere"] if option in PATHS else []
    config, _ = compose(f"data={option}", *path)
    assert isinstance(config.data, Data)
    assert config.data.option == option
    assert config.data.domains == (2 if option in TRANSLATED else 1)
    assert config.data.paired == (option in PAIRED)
    assert (config.data.shape.source is not None) == (option in TRANSLATED)
    assert ("sources" in config.data.provides, "pairs" in config.data.provides) == (
        option in TRANSLATED,
        option in PAIRED,
    )
    assert ("labels" in config.data.provides) == (config.data.num_classes > 1)
    values = OmegaConf.load(CONF / f"{option}.yaml")
    assert set(values) - {"defaults"} == set(vars(config.data))


def test_the_list_of_the_issue_is_complete() -> None:
    assert (
        sorted(
            [
                "digits",
                "mnist",
                "fashion_mnist",
                "cifar10",
                "stacked_mnist",
                "stl10",
                "celeba",
                "folder",
                "npz",
                "horse2zebra",
                "domain_folders",
                "maps",
                "facades",
                "paired_folders",
                "ring",
                "grid",
                "mixture1200",
                "gaussian1d",
            ]
        )
        == OPTIONS
    )
