"""`--help` and the other flags that run nothing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gan_experiments.cli.catalogue import conf_dir

Command = Callable[..., Any]
WITHOUT_TORCH = "import sys; from gan_experiments.cli.train import main; code = main(); "


def test_every_group_option_and_key(gan_train: Command) -> None:
    result = gan_train("--help")
    assert result.code == 0
    lines = [line.split(maxsplit=1) for line in result.out.splitlines() if line.startswith("  ")]
    shown = {line[0]: line[1] if len(line) > 1 else "" for line in lines}
    for path in conf_dir().glob("*/*.yaml"):
        if path.parent.name != "hydra" and not path.stem.startswith("_"):
            assert path.stem in shown
    first_line = (conf_dir() / "train" / "short.yaml").read_text().splitlines()[0]
    assert "# " + shown["short"] == first_line
    assert shown["train.ema=0.999"].startswith("decay of the generator's moving average")
    assert "model=san " in result.out
    assert "hydra/" not in result.out


def test_own_options(gan_train: Command, write: Callable[[str, str], Path]) -> None:
    write("mine/model/my_gan.yaml", "# My very own\n")
    assert "My very own" not in gan_train("-h").out
    assert "My very own" in gan_train("-cd", "mine", "-h").out


def test_help_is_immediate_and_may_be_cut_short(shell: Callable[..., Any]) -> None:
    began = time.monotonic()
    result = shell("set -o pipefail; $GAN_TRAIN --help | head -n 1")
    assert time.monotonic() - began < 3  # about 0.1 s on an idle machine; importing torch alone takes 3
    assert result.stdout.startswith("usage: gan-train")
    assert result.stderr == ""
    script = WITHOUT_TORCH + "assert not {'torch', 'hydra'} & set(sys.modules), 'imported'"
    assert shell(f'{sys.executable} -c "{script}" --help').returncode == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_nobody_takes_is_no_traceback(shell: Any) -> None:
    result = shell("$GAN_TRAIN --help > /dev/full")
    assert result.returncode == 1
    assert result.stderr == "gan-train: error: the disk is full (No space left on device)\n"
    result = shell("$GAN_TRAIN --help >&-")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "completions"),
    [
        ("gan-train model=wg", {"model=wgan", "model=wgan_gp"}),
        ("gan-train train.st", {"train.steps="}),
        ("gan-train -m network=mlp network.wi", {"network.width="}),
    ],
)
def test_completion_without_torch(line: str, completions: set[str], shell: Callable[..., Any]) -> None:
    script = WITHOUT_TORCH + "assert 'torch' not in sys.modules, 'torch was imported'"
    result = shell(f'{sys.executable} -c "{script}" -sc query=bash', COMP_LINE=line, COMP_CWORD="1")
    assert result.returncode == 0, result.stderr
    assert set(result.stdout.split()) == completions


def test_a_typo_is_answered_without_torch(shell: Callable[..., Any]) -> None:
    script = WITHOUT_TORCH + "assert (code, 'torch' in sys.modules) == (2, False)"
    for typo in ("modl=san", "model=sann"):
        result = shell(f'{sys.executable} -c "{script}" {typo}')
        assert result.returncode == 0, result.stderr
        assert "Did you mean 'model'?" in result.stderr or "Did you mean 'san'?" in result.stderr


def test_version(gan_train: Command) -> None:
    result = gan_train("--version")
    assert result.code == 0
    assert result.out.startswith("gan-experiments 0.1.0 (hydra-core 1.")


def test_settings_are_shown_not_run(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    result = gan_train("--cfg", "job", "model=wgan_gp", "seed=3", "--package", "model.penalties")
    assert (result.code, trainer.calls) == (0, [])
    assert result.out.startswith("# @package model.penalties\ngp:\n  weight: 10")
    last = result.out.splitlines()[-1]
    assert last.startswith("# options: data=digits gpu=auto head@model.head=linear logger=tensorboard ")
    assert not (tmp_path / "outputs").exists()


@pytest.mark.parametrize("flag", ["--hydra-help", "--info=searchpath", "--info=defaults-tree"])
def test_hydras_own_flags(flag: str, gan_train: Command, trainer: Any) -> None:
    result = gan_train(flag)
    assert (result.code, result.err, trainer.calls) == (0, "", [])
    assert len(result.out.splitlines()) > 5
