"""`resume=` of a stranger's run: nothing that it says may run, and nothing may be written outside of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Command = Callable[..., Any]

# A callback that would leave the file `mark`; lines that carry it, or reach it in another way.
CALLBACK = "{_target_:pathlib.Path.write_text,self:mark,data:ran}"
LINES = [
    f"++hydra.callbacks.x={CALLBACK}",
    f"+hydra.callbacks={{x:{CALLBACK}}}",
    f"hydra.callbacks.x={CALLBACK}",
    f"++hydra={{callbacks:{{x:{CALLBACK}}}}}",
    "++hydra.callbacks.x={_target_:torch.utils.collect_env.run,command:'touch mark'}",
    "++hydra.callbacks.x={_target_:torch.load,f:mark.pt,weights_only:false}",
    "++hydra.callbacks.x={_target_:logging.FileHandler,filename:mark}",
    "++hydra.job_logging.handlers.file.filename=mark",
    "++hydra.job_logging.handlers.x={class:logging.FileHandler,filename:mark}",
    "++hydra.hydra_logging.handlers.x={'()':logging.FileHandler,filename:mark}",
    "++hydra.launcher._target_=evil.Launcher",
    "hydra/launcher=joblib",
    "hydra/sweeper=optuna",
    "hydra/job_logging=disabled",
    "hydra=evil",
    "hydra.run.dir=mark",
    "hydra.output_subdir=../mark",
    "++hydra.searchpath=[file://evil]",
    "hydra.job.chdir=true",
    "++hydra.job.env_set.LD_PRELOAD=evil.so",
    "~hydra.job_logging",
    "+penalty@hydra.callbacks.x=gp",
    "+experiment@hydra=mnist",
    "+data@_global_.hydra.callbacks=mnist",
    "+schema/model@model.x=evil.Model",
    "schema/model@model=evil.Model",
    "model=../../evil/model",
    "model=../../../../../../tmp/evil",
    "experiment=evil",
    "model=[gan,san]",
    "model=gan,san",
    "model=glob(*)",
    "seed=range(0,3)",
    "-m",
    "--config-dir=evil",
    "-cd",
    "--multirun",
    "seed=${oc.env:HOME}",
    "data.path=${oc.decode:'x'}",
    "seed=${hydra:runtime.cwd}",
    "_target_=os.system",
    "++model@hydra.x=san",
    "unknown.key=1",
    "seed=" + "[" * 3000,
]


@pytest.fixture
def run(gan_train: Command, trainer: Any, tmp_path: Path) -> Path:
    """A finished run, in its folder `run`; a module and configs of the attacker's lie beside it."""
    assert gan_train("hydra.run.dir=run", "seed=3").code == 0
    trainer.calls.clear()
    (tmp_path / "evil.py").write_text("import pathlib\npathlib.Path('mark').write_text('ran')\n")
    (tmp_path / "evil" / "experiment").mkdir(parents=True)
    bad = f"# @package _global_\nhydra:\n  callbacks:\n    x: {CALLBACK}\n"
    (tmp_path / "evil" / "experiment" / "evil.yaml").write_text(bad)
    return tmp_path / "run"


def state(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_refused(result: Any, trainer: Any, before: dict[str, bytes], folder: Path) -> None:
    """One sentence, and nothing anywhere has changed."""
    assert result.code == 2
    assert "Traceback" not in result.err
    assert result.err.startswith("gan-train: error: ")
    assert not trainer.calls
    assert state(folder) == before


def test_lines_that_are_no_settings_are_refused(
    run: Path, gan_train: Command, trainer: Any, tmp_path: Path
) -> None:
    for line in LINES:
        (run / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(["seed=3", line]))
        before = state(tmp_path)
        result = gan_train("resume=run")
        assert_refused(result, trainer, before, tmp_path)
        assert "is not replayed" in result.err, line


def test_a_search_is_left_out(run: Path, gan_train: Command, trainer: Any) -> None:
    lines = [
        "seed=3",
        "hparams_search=optuna",
        "+hparams_search/random@hydra=wgan",
        "+experiment/mnist@hydra=gan",
    ]
    (run / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(lines))
    assert gan_train("resume=run").code == 0
    ((config, _, record),) = trainer.calls
    assert config.seed == 3
    assert [line.partition("=")[0] for line in record["overrides"]] == ["seed", "resume"]


BOMB = "a: &a [x]\n" + "".join(
    f"{b}: &{b} [{', '.join(['*' + a] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
FILES = {
    "a mapping": ("overrides.yaml", "{model: san}", "is no list of settings"),
    "numbers": ("overrides.yaml", "[1, 2]", "is no list of settings"),
    "a bomb": ("overrides.yaml", BOMB, "is no list of settings"),
    "an object": (
        "overrides.yaml",
        "!!python/object/apply:os.system ['touch mark']",
        "cannot be read as YAML",
    ),
    "bytes": ("overrides.yaml", "\x00\x01", "cannot be read as YAML"),
    "deep": ("overrides.yaml", "[" * 5000, "cannot be read as YAML"),
    "large": ("overrides.yaml", "- seed=1\n" * 100_000, "is no file of settings"),
    "large, of Hydra": ("hydra.yaml", "x: " + "y" * 200_000, "is no file of settings"),
    "a config folder": (
        "hydra.yaml",
        "hydra: {runtime: {config_sources: [{provider: command-line, path: evil}]}}",
        "if you trust it, say so again: -cd FOLDER",
    ),
}


def test_files_that_are_no_settings_are_refused(
    run: Path, gan_train: Command, trainer: Any, tmp_path: Path
) -> None:
    whole = {name: (run / ".hydra" / name).read_text() for name in ("overrides.yaml", "hydra.yaml")}
    for case, (name, text, message) in FILES.items():
        (run / ".hydra" / name).write_text(text)
        before = state(tmp_path)
        result = gan_train("resume=run")
        assert_refused(result, trainer, before, tmp_path)
        assert message in result.err, case
        (run / ".hydra" / name).write_text(whole[name])


@pytest.mark.parametrize(
    "name", ["train.log", ".hydra", ".hydra/job.json", "checkpoints", "samples", "summary.json"]
)
def test_links_out_of_the_folder_are_refused(
    name: str, run: Path, gan_train: Command, trainer: Any, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    link = run / name
    if link.is_dir():
        link.rename(victim)
    else:
        link.unlink(missing_ok=True)
        victim.write_text("mine")
    link.symlink_to(victim)
    before = state(tmp_path)
    result = gan_train("resume=run")
    assert_refused(result, trainer, before, tmp_path)
    assert f"{name} is a link that leads out of the run's folder" in result.err


def test_a_pipe_in_the_folder_is_refused(run: Path, gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    os.mkfifo(run / ".hydra" / "x.yaml")
    before = state(tmp_path)
    assert_refused(gan_train("resume=run"), trainer, before, tmp_path)


def test_what_a_run_may_say_is_replayed(gan_train: Command, trainer: Any) -> None:
    said = [
        "model=wgan_gp",
        "optim.lr=3e-4",
        "+penalty@model.penalties.r1=r1",
        "~model.penalties.gp",
        "seed=7",
    ]
    said += ["experiment=mnist", "metrics=[lenet,lenet]", "loss=hinge", "model.latent_dim=${data.image_size}"]
    assert gan_train("hydra.run.dir=run", *said).code == 0
    first = trainer.config
    result = gan_train("resume=run")
    assert result.code == 0, result.err
    trainer.config.resume = None
    assert trainer.config == first
