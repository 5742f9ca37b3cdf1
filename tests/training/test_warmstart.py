"""A run that begins with the weights of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from kills import same

import tiny
from gan_experiments.errors import UserError
from gan_experiments.training import check, checkpoint
from gan_experiments.training.run import Run

GAN = ["model=gan", "network=mlp", "data.image_size=16"]
NAMES = ["generator", "discriminator"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of two steps."""
    folder = tmp_path_factory.mktemp("source")
    config, record = tiny.compose(*GAN, "train.steps=2", "seed=1")
    Run(config, folder, record).train()
    return folder


def last(folder: Path) -> dict[str, Any]:
    return checkpoint.load(folder / "checkpoints" / "last.pt")


def begun(source: Path, folder: Path, *settings: str) -> Run:
    config, record = tiny.compose(*GAN, f"init.checkpoint={source}", *settings)
    return Run(config, folder, record)


@pytest.mark.parametrize("taken", [NAMES, ["generator"], ["discriminator"]])
def test_networks_begin_with_the_others_weights_and_all_else_anew(
    taken: list[str], source: Path, tmp_path: Path
) -> None:
    run = begun(source, tmp_path, f"init.networks=[{','.join(taken)}]")
    config, record = tiny.compose(*GAN)
    cold = Run(config, tmp_path, record)
    weights = last(source)["engine"]["networks"]
    for name in NAMES:
        expected = weights[name] if name in taken else cold.networks[name].state_dict()
        assert same(run.networks[name].state_dict(), expected)
    assert same(run.engine.ema["generator"].state_dict(), run.networks["generator"].state_dict())
    assert (run.engine.step, run.engine.images_seen) == (0, 0)
    assert same(run.engine.state_dict()["noise"], cold.engine.state_dict()["noise"])


def test_what_does_not_fit_is_listed(source: Path, tmp_path: Path) -> None:
    path = source / "checkpoints" / "last.pt"
    plain = begun(source, tmp_path, "model=san", "model.discriminator_norm=none")
    spectral = begun(source, tmp_path, "model=gan", "model.discriminator_norm=spectral")
    assert [run.record["provenance"]["init"] for run in (plain, spectral)] == [
        f"{path} (step 2): generator; discriminator but for head.omega, head.scale",
        f"{path} (step 2): generator; nothing of discriminator",
    ]


def test_frozen_layers_keep_their_weights_and_the_run_resumes_to_the_bit(
    source: Path, tmp_path: Path
) -> None:
    settings = ["init.freeze=2", "train.steps=4", "train.checkpoint_every=2"]
    whole = begun(source, tmp_path / "whole", *settings)
    whole.train()
    weights = last(source)["engine"]["networks"]["discriminator"]
    trained = dict(whole.networks["discriminator"].named_parameters())
    kept = {name for name, weight in trained.items() if torch.equal(weight, weights[name])}
    assert kept == {f"trunk.body.{layer}.0.{kind}" for layer in (1, 2) for kind in ("weight", "bias")}

    config, record = tiny.compose(*GAN, "init.checkpoint=gone", *settings)
    config.resume = str(tmp_path / "whole" / "checkpoints" / "step_00000002.pt")
    resumed = Run(config, tmp_path / "parts", record)
    resumed.train()
    assert same(last(tmp_path / "whole")["engine"], last(tmp_path / "parts")["engine"])
    assert resumed.record["provenance"]["init"].endswith("(step 2): generator; discriminator")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["init.networks=[generater]"], "there is no generater; this model has generator, discriminator"),
        (["network.width=8"], "nothing in .*last.pt fits: generator, discriminator"),
        (["init.freeze=4"], "init.freeze=4: the trunk of this model's discriminator has 3 layers"),
        (["model=vae", "init.freeze=1"], "has 0 layers"),
    ],
)
def test_what_cannot_be_taken_or_frozen(
    settings: list[str], message: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=message):
        begun(source, tmp_path, *settings)


def test_a_run_that_is_not_there_is_said_first(tmp_path: Path) -> None:
    config, _ = tiny.compose(*GAN, f"init.checkpoint={tmp_path / 'none'}")
    with pytest.raises(UserError, match="there is no run or checkpoint .*none"):
        check(config)
    with pytest.raises(UserError, match="init=RUN says which"):
        tiny.compose("init.freeze=1")
