"""Runs whose networks are compiled against the same runs without."""

from __future__ import annotations

import copy
from functools import partialmethod
from pathlib import Path

import pytest
import torch
from torch import nn

import tiny
from gan_experiments.errors import UserError
from gan_experiments.training.compiling import check_compiler, compilable
from gan_experiments.training.launch import check
from gan_experiments.training.opening import opening
from gan_experiments.training.run import Run
from tiny import weights

CASES = {  # kinds of networks, and of calls
    "power iterations": ["model=san"],
    "batch norm": ["model=dcgan"],
    "labels": ["model=acgan"],
    "an autoencoder": ["model=ebgan_pt"],
    "pairs": ["model=veegan"],
    "three networks": ["model=vaegan"],
    "a second derivative": ["model=gngan"],
    "numbers drawn inside": ["model=stylegan2", "network=stylegan2"],
}


@pytest.fixture
def traced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks are traced and taken apart as ever, but torch runs the graphs: generating code takes its time."""
    torch._dynamo.reset()
    monkeypatch.setattr(nn.Module, "compile", partialmethod(nn.Module.compile, backend="aot_eager"))


def trained(folder: Path, *words: str, updates: int = 3) -> Run:
    # Traced strides of images with one channel are not always the real ones where channels come last.
    config, record = tiny.compose(*words, "gpu.channels_last=false")
    run = Run(config, folder, record)
    for _ in range(updates):
        run.engine.iterate()
    return run


def assert_agreement(folder: Path, words: list[str]) -> None:
    plain, compiled = trained(folder, *words), trained(folder, *words, "gpu.compile=true")
    moved = weights(plain) - weights(trained(folder, *words, updates=0))
    # Gradients near zero take either sign by rounding, and adaptive rates make full steps of them.
    assert (weights(compiled) - weights(plain)).norm() < 0.02 * moved.norm()
    assert compiled.engine.drain() == pytest.approx(plain.engine.drain(), rel=1e-3, abs=1e-4)


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("name", CASES)
def test_updates_are_those_of_a_run_without(name: str, tmp_path: Path) -> None:
    counted = torch._dynamo.utils.counters["stats"]
    counted.clear()
    assert_agreement(tmp_path, CASES[name])
    assert counted["unique_graphs"] > 0
    assert not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.quality
@pytest.mark.parametrize("model", [*tiny.MODELS, *tiny.TRANSLATORS])
def test_every_model_agrees_with_itself_compiled(model: str, tmp_path: Path) -> None:
    torch._dynamo.reset()
    domains = tiny.translation(tmp_path, model) if model in tiny.TRANSLATORS else []
    assert_agreement(tmp_path, [f"model={model}", *domains])


@pytest.mark.usefixtures("traced")
def test_a_compiled_run_resumes_exactly(tmp_path: Path) -> None:
    whole = trained(tmp_path, "model=san", "gpu.compile=true", updates=4)
    first = trained(tmp_path, "model=san", "gpu.compile=true", updates=2)
    second = trained(tmp_path, "model=san", "gpu.compile=true", updates=0)
    second.engine.load_state_dict(copy.deepcopy(first.engine.state_dict()))
    second.loader.load_state_dict(first.loader.state_dict())
    for _ in range(2):
        second.engine.iterate()
    assert torch.equal(weights(second), weights(whole))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["model=san"], "generator, discriminator, which delays the first updates"),
        (["model=wgan_gp"], "generator, which delays the first updates; not discriminator, whose gradients"),
        (["model=biggan"], "nothing; not generator, discriminator, whose gradients"),
        (["model=biggan", "data=cifar10"], None),
    ],
)
def test_it_says_what_is_compiled(words: list[str], line: str | None, tmp_path: Path) -> None:
    config, record = tiny.compose(*words, "gpu.compile=true")
    machine = {"device": "a processor", "devices": 1, "threads": 1, "precision": "fp32"}
    record |= {"choices": {}, "provenance": machine}
    networks = config.model.build(config.network, config.loss, config.data.shape)
    if line is None:  # in colour no vector of power iteration is a single number
        assert compilable(networks, config.model) == ["generator", "discriminator"]
        return
    real = config.data.load("train", Path(config.paths.data))
    assert f"compiled   {line}" in opening(config, record, real, networks, tmp_path)


def test_a_machine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    config, _ = tiny.compose("model=san", "gpu.compile=true")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, str(tmp_path / "g++")))
    with pytest.raises(UserError, match=r"gpu\.compile=true: torch\.compile needs a C\+\+ compiler"):
        check(config)
    check_compiler(torch.device("meta"))  # other devices have compilers of their own
