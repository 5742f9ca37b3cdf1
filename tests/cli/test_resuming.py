"""`resume=`: a run goes on in its folder with its own overrides."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gan_experiments.cli import resume
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.errors import UserError
from gan_experiments.runs import RunFolder

Command = Callable[..., Any]
Write = Callable[[str, str], Path]
CATALOGUE = Catalogue.of("train", [])
FLAGS = argparse.Namespace(multirun=False, config_dir=None)


def shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()))


def test_run_folder_keeps_its_overrides_and_new_ones_win(gan_train: Command, trainer: Any) -> None:
    gan_train("model=gan", "seed=3", "train.steps=20")
    folder = trainer.folder
    result = gan_train(f"resume={shown(folder)}", "train.steps=40")
    config = trainer.config
    assert result.code == 0
    assert trainer.folder == folder
    assert config.resume == str(folder / "checkpoints" / "last.pt")
    assert (config.seed, config.train.steps, type(config.model).__name__) == (3, 40, "Gan")
    assert result.out.splitlines()[0] == f"Resuming from {shown(folder)}/checkpoints/last.pt"
    gan_train(f"resume={folder}")  # once more, from what the second run has left
    assert (trainer.folder, trainer.config.seed, trainer.config.train.steps) == (folder, 3, 40)


def test_a_second_run_in_the_same_folder_is_refused_and_leaves_the_first_as_it_was(
    gan_train: Command, trainer: Any
) -> None:
    assert gan_train("hydra.run.dir=mine", "seed=3").code == 0
    result = gan_train("hydra.run.dir=mine", "seed=4")
    assert result.code == 2
    assert "hydra.run.dir=mine has a run in it: resume=mine goes on with it" in result.err
    assert len(trainer.calls) == 1
    assert gan_train("resume=mine").code == 0
    assert trainer.config.seed == 3


def test_checkpoint_file_of_a_run(gan_train: Command, trainer: Any) -> None:
    gan_train("seed=3")
    folder = trainer.folder
    (folder / "checkpoints" / "step_00000010.pt").write_text("")
    gan_train(f"resume={folder}/checkpoints/step_00000010.pt")
    assert (trainer.folder, trainer.config.seed) == (folder, 3)
    assert trainer.config.resume == str(folder / "checkpoints" / "step_00000010.pt")


def test_checkpoint_file_elsewhere_starts_a_new_folder(
    gan_train: Command, trainer: Any, write: Write
) -> None:
    path = write("copied.pt", "")
    assert gan_train("resume=copied.pt", "seed=4").code == 0
    assert (trainer.config.resume, trainer.config.seed) == (str(path), 4)
    assert trainer.folder.parent.name == "san-digits"


@pytest.mark.parametrize("name", ["plain", "seed=1,model=gan", "it's (a) [folder] {x}"])
def test_any_folder_name(name: str, gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    gan_train("seed=3")
    folder = trainer.folder.rename(tmp_path / name)
    assert gan_train(f"resume={name}").code == 0
    assert (trainer.folder, trainer.config.seed) == (folder, 3)


def test_config_folder_of_the_run_is_used_where_it_is_named_again(
    gan_train: Command, trainer: Any, write: Write
) -> None:
    write("mine/experiment/five.yaml", "# @package _global_\nseed: 5\n")
    gan_train("-cd", "mine", "experiment=five")
    result = gan_train(f"resume={trainer.folder}")
    assert (result.code, len(trainer.calls)) == (2, 1)
    assert "mine'; if you trust it, say so again: -cd FOLDER" in result.err
    assert gan_train("-cd", "mine", f"resume={trainer.folder}").code == 0
    assert trainer.config.seed == 5


def test_other_group_option_wins(gan_train: Command, trainer: Any) -> None:
    gan_train("data=mnist", "loss=hinge")
    gan_train(f"resume={trainer.folder}", "loss=wasserstein")
    assert type(trainer.config.loss).__name__ == "Wasserstein"
    assert trainer.folder.parent.name == "san-mnist"


def test_folder_without_a_checkpoint(gan_train: Command, trainer: Any) -> None:
    gan_train()
    (trainer.folder / "checkpoints" / "last.pt").unlink()
    result = gan_train(f"resume={shown(trainer.folder)}")
    assert (result.code, len(trainer.calls)) == (2, 1)
    assert "there is no checkpoints/last.pt in this folder, so nothing to resume" in result.err


def test_auto_takes_the_newest_unfinished_run_with_the_same_overrides(
    gan_train: Command, trainer: Any
) -> None:
    result = gan_train("resume=auto", "seed=1")
    assert result.out.splitlines()[0] == (
        "resume=auto: no unfinished run with these settings, so this is a fresh start"
    )
    assert trainer.config.resume is None
    finished = trainer.folder
    gan_train("resume=auto", "seed=1")  # the first has finished, so this is another
    assert trainer.folder != finished
    unfinished = trainer.folder
    set_status(unfinished, "interrupted")
    gan_train("resume=auto", "seed=2")
    assert trainer.folder not in (finished, unfinished)
    gan_train("seed=1", "resume=auto")
    assert trainer.folder == unfinished
    assert trainer.config.resume == str(unfinished / "checkpoints" / "last.pt")
    assert trainer.config.seed == 1


def test_auto_looks_only_among_runs_of_the_same_model_and_data(gan_train: Command, trainer: Any) -> None:
    gan_train("model=gan")
    set_status(trainer.folder, "interrupted")
    gan_train("model=san", "resume=auto")
    assert trainer.config.resume is None


def test_auto_looks_in_the_folder_that_is_named(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    words = ["resume=auto", "seed=1", f"hydra.run.dir={shown(tmp_path / 'mine')}"]
    gan_train(*words)
    assert (trainer.folder, trainer.config.resume) == (tmp_path / "mine", None)
    set_status(trainer.folder, "interrupted")
    gan_train(*words)
    assert trainer.config.resume == str(tmp_path / "mine" / "checkpoints" / "last.pt")
    gan_train(*words)  # has finished by now: a job that is queued once too often is no mistake
    assert [call[0].resume for call in trainer.calls[1:]] == [trainer.config.resume] * 2


def test_a_resumed_run_keeps_the_one_that_it_began_with(
    gan_train: Command, trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan_train("init=other", "init.freeze=2")
    assert (trainer.config.init.checkpoint, trainer.config.init.freeze) == ("other", 2)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    gan_train(f"resume={trainer.folder}")
    assert (trainer.config.init.checkpoint, trainer.config.init.freeze) == (str(tmp_path / "other"), 2)


def test_sweep_job_can_be_continued_by_itself(gan_train: Command, trainer: Any) -> None:
    gan_train("-m", "seed=3", "sweep=first")
    folder = trainer.folder
    assert gan_train(f"resume={shown(folder)}", "train.steps=9").code == 0
    assert (trainer.folder, trainer.config.seed, trainer.config.train.steps) == (folder, 3, 9)


@pytest.mark.parametrize("content", [None, "", "[1]", "{"])
def test_summary_that_cannot_be_read_is_empty(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "summary.json").write_text(content)
    assert RunFolder(tmp_path).summary == {}


def test_resuming_nothing() -> None:
    assert resume.continued(["seed=1", "resume=null"], FLAGS, CATALOGUE) == ["seed=1"]


def test_home_folder_is_understood() -> None:
    with pytest.raises(UserError, match="no such run folder"):
        resume.continued(["resume=~/no/such/run"], FLAGS, CATALOGUE)


def test_relative_data_path_means_the_folder_of_the_first_start(
    gan_train: Command, trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["data=folder", "data.path=pictures", "paths.data=store", "hydra.run.dir=run"]
    assert gan_train(*said).code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    for _ in range(2):  # the second time from what the first has left
        assert gan_train(f"resume={tmp_path}/run").code == 0
        assert trainer.config.data.path == str(tmp_path / "pictures")
        assert trainer.config.paths.data == str(tmp_path / "store")
    gan_train(f"resume={tmp_path}/run", "data.path=here")
    assert trainer.config.data.path == "here"


def set_status(folder: Path, status: str) -> None:
    (folder / "summary.json").write_text(json.dumps({"status": status}))
