"""One run of `gan-train` with a stand-in for the training."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from gan_experiments.cli import train
from gan_experiments.errors import Interrupted, RunError, UserError
from gan_experiments.models import Gan

Command = Callable[..., Any]
Write = Callable[[str, str], Path]


def test_default_run(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    result = gan_train()
    assert (result.code, result.err) == (0, "")
    config, folder, record = trainer.calls[0]
    assert isinstance(config.model, Gan)
    assert (config.seed, config.train.steps, config.resume, config.sweep) == (0, 1500, None, None)
    assert folder.parent == tmp_path / "outputs" / "san-digits"
    assert result.out.splitlines()[-1] == f"Run folder: {folder.relative_to(tmp_path)}"
    assert record["choices"]["model"] == "san"
    assert record["choices"]["metrics"] == "lenet"
    job = json.loads((folder / ".hydra" / "job.json").read_text())
    assert job["options"] == record["choices"]
    assert (job["options"]["loss"], job["config"]["loss"]) == ("hinge", {})
    assert not any("hydra" in group for group in record["choices"])
    assert record["overrides"] == []
    assert record["config"]["paths"] == {"data": "data", "outputs": "outputs"}
    assert record["config"]["model"]["prior"] == "normal"  # enums as text


def test_overrides_and_precedence(gan_train: Command, trainer: Any, write: Write) -> None:
    write(
        "mine/experiment/recipe.yaml",
        "# @package _global_\ndefaults:\n  - override /model: wgan\n  - override /data: digits\n"
        "train:\n  steps: 7\nseed: 5\n",
    )
    gan_train("-cd", "mine", "experiment=recipe", "seed=6")
    config, folder, record = trainer.calls[-1]
    assert folder.parent.name == "wgan-digits"
    assert (config.train.steps, config.seed, config.model.discriminator_steps) == (7, 6, 5)
    assert record["choices"]["loss"] == "wasserstein"  # the model's companion
    gan_train("-cd", "mine", "+experiment=recipe", "loss=hinge", "train.steps=8")
    config, _, record = trainer.calls[-1]
    assert (config.train.steps, config.seed) == (8, 5)
    assert record["choices"]["loss"] == "hinge"  # the command line wins over the model's companion


def test_flags_and_overrides_in_any_order(gan_train: Command, trainer: Any, write: Write) -> None:
    write("mine/experiment/five.yaml", "# @package _global_\nseed: 5\n")
    assert gan_train("train.steps=3", "-cd", "mine", "experiment=five").code == 0
    assert (trainer.config.train.steps, trainer.config.seed) == (3, 5)


def test_no_experiment_may_be_said(gan_train: Command, trainer: Any) -> None:
    assert gan_train("experiment=null", "seed=2").code == 0
    assert trainer.config.seed == 2


def test_paths(gan_train: Command, trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAN_DATA", "/data")
    gan_train(f"paths.outputs={tmp_path}/elsewhere")
    assert trainer.config.paths.data == "/data"
    assert trainer.folder.is_relative_to(tmp_path / "elsewhere" / "san-digits")


def test_runs_of_the_same_second_have_their_own_folders(
    gan_train: Command, trainer: Any, write: Write
) -> None:
    write("mine/experiment/now.yaml", "# @package _global_\nhydra:\n  run:\n    dir: outputs/now\n")
    for _ in range(3):
        gan_train("-cd", "mine", "experiment=now")
    assert [folder.name for _, folder, _ in trainer.calls] == ["now", "now-2", "now-3"]


@pytest.mark.parametrize("way", ["flag", "environment"])
def test_own_component(
    way: str, gan_train: Command, trainer: Any, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(
        f"{way}_gan.py",
        "from dataclasses import dataclass\nfrom gan_experiments.models import Gan\n"
        "@dataclass\nclass Mine(Gan):\n    extra: float = 0.0\n",
    )
    write(
        "mine/model/mine.yaml",
        f"# Mine\ndefaults:\n  - san\n  - override /schema/model@_here_: {way}_gan.Mine\n  - _self_\nextra: 2\n",
    )
    monkeypatch.setenv("GAN_CONF", "mine" if way == "environment" else "")
    assert gan_train(*(["-cd", "mine"] if way == "flag" else []), "model=mine").code == 0
    assert (type(trainer.config.model).__name__, trainer.config.model.extra) == ("Mine", 2.0)
    assert trainer.folder.parent.name == "mine-digits"


def test_console_has_messages_and_the_log_has_times(gan_train: Command, trainer: Any) -> None:
    import logging

    def talk(*arguments: Any) -> dict[str, float]:
        log = logging.getLogger("gan_experiments.training")
        log.info("step 1")
        assert not (arguments[1] / "train.log").exists()  # it could still be refused
        metrics: dict[str, float] = trainer(*arguments)
        log.info("step 2")
        assert "step 2" in (trainer.folder / "train.log").read_text()  # also if it is killed now
        return metrics

    train.start = talk  # type: ignore[assignment]  # the fixture puts it back
    result = gan_train()
    assert result.out.splitlines()[0] == "step 1"
    assert "\x1b" not in result.out
    log = (trainer.folder / "train.log").read_text()
    assert "[INFO] - step 1" in log


def test_mistake_seen_by_the_training(gan_train: Command, trainer: Any) -> None:
    trainer.errors[0] = UserError("metrics.weights: there is no file x")
    result = gan_train()
    assert (result.code, result.err) == (2, "gan-train: error: metrics.weights: there is no file x\n")
    log = (trainer.folder / "train.log").read_text()
    assert "there is no file x" in log
    assert "Traceback" not in log


def test_run_error(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    trainer.errors[0] = RunError("the generator's loss is nan at step 7")
    result = gan_train()
    log = trainer.folder / "train.log"
    assert result.code == 1
    assert result.err == (
        "gan-train: error: the generator's loss is nan at step 7\n"
        f"  The traceback is in {log.relative_to(tmp_path)}\n"
    )
    assert "Traceback" in log.read_text()


@pytest.mark.parametrize("error", [KeyError("oops"), SystemExit(3)])
def test_unexpected_exception(error: BaseException, gan_train: Command, trainer: Any) -> None:
    trainer.errors[0] = error
    result = gan_train()
    assert result.code == 1
    assert "Traceback" in result.err
    assert f"gan-train: error: {type(error).__name__}: " in result.err
    assert "Traceback" in (trainer.folder / "train.log").read_text()
    assert "Error executing job" not in result.err  # Hydra's own line


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (KeyboardInterrupt(), 130),
        (Interrupted(signal.SIGINT, Path("last.pt")), 130),
        (Interrupted(signal.SIGTERM, Path("last.pt")), 143),
    ],
)
def test_interrupted_training(stop: BaseException, code: int, gan_train: Command, trainer: Any) -> None:
    trainer.errors[0] = stop
    result = gan_train()
    assert result.code == code
    assert "Traceback" not in result.err
    if isinstance(stop, Interrupted):
        assert f"stopped by {signal.Signals(stop.signal_number).name}; nothing was saved yet" in result.out


@pytest.mark.parametrize("before_training", [True, False])
def test_a_launchers_own_handler_ends_what_it_has_stopped(
    before_training: bool, gan_train: Command, trainer: Any
) -> None:
    """As submitit's does, which puts the job into the queue again."""
    called = []

    def requeue(number: int, frame: FrameType | None) -> None:
        called.append(number)
        raise SystemExit(144)

    before = signal.signal(signal.SIGUSR2, requeue)
    try:
        saved = Interrupted(signal.SIGUSR2, Path("last.pt"))
        trainer.errors[0] = SystemExit(144) if before_training else saved
        result = gan_train()
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert result.code == 144
    assert result.err == ""
    assert called == ([] if before_training else [signal.SIGUSR2])


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_while_no_training_listens(number: int, code: int, tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\nfrom gan_experiments.cli import app, train\n"
        # Where the tests run in the background, the shell has made SIGINT ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def run(*_):\n    print('started', flush=True)\n    time.sleep(60)\n"
        "app._compose_and_run = run\nsys.exit(train.main())\n"
    )
    source = str(Path(train.__file__).resolve().parents[2])
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": source, "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(0.05)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in err


def test_value_for_a_search(gan_train: Command, trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    values = []
    task = train.task
    monkeypatch.setattr(train, "task", lambda *arguments: values.append(task(*arguments)))
    gan_train("seed=2")
    gan_train("metrics=none")
    assert values == [14.5, None]  # metrics.best is fd_lenet
