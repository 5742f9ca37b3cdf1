"""Sweeps: the table, what is skipped, resumed and run again, and failures that stop nothing."""

from __future__ import annotations

import csv
import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faults import FullDisk
from gan_experiments.cli.sweeps import Row, Sweep, table, write_csv
from gan_experiments.errors import RunError, UserError

Command = Callable[..., Any]
Write = Callable[[str, str], Path]


def rows(tmp_path: Path, sweep: str = "first") -> list[dict[str, str]]:
    with (tmp_path / "outputs" / "sweeps" / sweep / "summary.csv").open() as file:
        return list(csv.DictReader(file))


def test_table_and_csv(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    result = gan_train("-m", "model=gan,san", "seed=1", "sweep=first")
    assert result.code == 0
    lines = result.out.splitlines()
    assert [line.split() for line in lines[-4:-1]] == [
        ["model", "status", "fd_lenet", "seconds"],
        ["gan", "finished", "13.5", "1"],
        ["san", "finished", "13.5", "1"],
    ]
    assert lines[-1] == "Sweep folder: outputs/sweeps/first"
    assert [folder.name for _, folder, _ in trainer.calls] == ["model=gan", "model=san"]
    assert [config.sweep for config, _, _ in trainer.calls] == ["first", "first"]
    assert rows(tmp_path)[0] == {
        "folder": "model=gan",
        "status": "finished",
        "model": "gan",
        "seed": "1",
        "fd_lenet": "13.5",
        "seconds": "1.0",
        "error": "",
    }
    assert [record["swept"] for _, _, record in trainer.calls] == [{"model": "gan"}, {"model": "san"}]
    gan_train("-m", "model=gan", "seed=1,2", "sweep=first")
    assert [folder.name for _, folder, _ in trainer.calls[2:]] == ["model=gan,seed=2"]
    assert trainer.calls[2][2]["swept"] == {"model": "gan", "seed": 2}


def test_failures_stop_no_other_job(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    trainer.errors = {0: RunError("the loss is nan"), 1: KeyError("oops"), 2: UserError("no weights")}
    result = gan_train("-m", "seed=0,1,2,3", "sweep=first")
    assert result.code == 1
    assert [row["status"] for row in rows(tmp_path)] == ["failed", "failed", "failed", "finished"]
    assert rows(tmp_path)[1]["error"] == "KeyError: 'oops'"
    assert result.err.splitlines()[-3:] == [
        "failed: seed=0: the loss is nan",
        "failed: seed=1: KeyError: 'oops'",
        "failed: seed=2: no weights",
    ]
    assert "Error executing job" not in result.err
    logs = [(folder / "train.log").read_text() for _, folder, _ in trainer.calls]
    assert ["Traceback" in log for log in logs] == [True, True, False, False]
    assert "oops" in logs[1]
    assert "oops" not in logs[0] + logs[3]


def test_exit_code_when_every_failure_is_a_mistake(gan_train: Command, trainer: Any) -> None:
    trainer.errors = {0: UserError("no weights")}
    assert gan_train("-m", "seed=0", "sweep=first").code == 2
    assert gan_train("-m", "seed=2", "sweep=first").code == 0  # an older failure is not this command's


def test_memory_of_a_failed_job_is_released(
    gan_train: Command, trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Tensor:
        pass

    alive: list[weakref.ref[Tensor]] = []

    def start(*_: Any) -> dict[str, float]:
        gc.collect()
        assert not any(reference() for reference in alive), "a tensor of an earlier job is alive"
        tensor = Tensor()
        alive.append(weakref.ref(tensor))
        raise RunError("nan")

    monkeypatch.setattr("gan_experiments.cli.train.start", start)
    result = gan_train("-m", "seed=0,1")
    assert len(alive) == 2
    assert "AssertionError" not in result.err


def test_repeated_sweep_skips_what_is_finished(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    gan_train("-m", "seed=0", "sweep=first")
    result = gan_train("-m", "seed=0,1", "sweep=first", "paths.data=/elsewhere")
    assert result.code == 0
    assert [config.seed for config, _, _ in trainer.calls] == [0, 1]
    assert [row["status"] for row in rows(tmp_path)] == ["skipped", "finished"]
    assert [row["fd_lenet"] for row in rows(tmp_path)] == ["12.5", "13.5"]
    gan_train("-m", "seed=0")  # without a name every sweep is a new one
    assert trainer.config.seed == 0
    assert trainer.folder.parent.name != "first"


def test_repeated_sweep_resumes_what_is_not_finished(
    gan_train: Command, trainer: Any, tmp_path: Path
) -> None:
    trainer.errors = {1: RunError("disk full")}
    gan_train("-m", "seed=0,1", "sweep=first")
    last = trainer.folder / "checkpoints" / "last.pt"
    trainer.errors = {}
    assert gan_train("-m", "seed=0,1", "sweep=first").code == 0
    assert [config.seed for config, _, _ in trainer.calls] == [0, 1, 1]
    assert trainer.config.resume == str(last)
    assert [row["status"] for row in rows(tmp_path)] == ["skipped", "finished"]
    assert "error" not in json.loads((trainer.folder / ".hydra" / "job.json").read_text())


def test_edited_yaml_is_run_again_and_loses_nothing(
    gan_train: Command, trainer: Any, write: Write, tmp_path: Path
) -> None:
    recipe = "# @package _global_\nmodel:\n  latent_dim: {}\n"
    write("mine/experiment/recipe.yaml", recipe.format(16))
    command = "-m", "-cd", "mine", "experiment=recipe", "seed=0", "sweep=first"
    gan_train(*command)
    write("mine/experiment/recipe.yaml", recipe.format(32))
    result = gan_train(*command)
    assert [config.model.latent_dim for config, _, _ in trainer.calls] == [16, 32]
    assert trainer.config.resume is None
    assert [row["status"] for row in rows(tmp_path)] == ["finished"]
    earlier = tmp_path / "outputs" / "sweeps" / "first" / ".replaced" / "experiment=recipe,seed=0"
    assert (earlier / "checkpoints" / "last.pt").exists()
    assert "settings have changed (model.latent_dim), so this job starts again" in result.out
    assert str(earlier.name) in result.out


def test_a_setting_that_did_not_exist_is_no_reason_to_run_again(
    gan_train: Command, trainer: Any, tmp_path: Path
) -> None:
    gan_train("-m", "seed=0", "sweep=first")
    record = trainer.folder / ".hydra" / "job.json"
    content = json.loads(record.read_text())
    assert content["config"]["network"].pop("spectral_scale") == 1.0
    content["config"].pop("init")
    content.pop("options")
    record.write_text(json.dumps(content))
    gan_train("-m", "seed=0", "sweep=first")
    assert len(trainer.calls) == 1
    gan_train("-m", "seed=0", "sweep=first", "network.spectral_scale=2")
    assert len(trainer.calls) == 2


def test_another_option_of_a_recipe_is_run_again(gan_train: Command, trainer: Any, write: Write) -> None:
    recipe = "# @package _global_\ndefaults:\n  - override /loss: {}\n"
    write("mine/experiment/recipe.yaml", recipe.format("hinge"))
    command = "-m", "-cd", "mine", "experiment=recipe", "model=gan", "seed=0", "sweep=first"
    gan_train(*command)
    write("mine/experiment/recipe.yaml", recipe.format("wasserstein"))
    result = gan_train(*command)
    assert [type(config.loss).__name__ for config, _, _ in trainer.calls] == ["Hinge", "Wasserstein"]
    assert "settings have changed (loss), so this job starts again" in result.out


def test_ctrl_c_stops_the_sweep_and_still_tells(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    trainer.errors = {1: KeyboardInterrupt()}
    result = gan_train("-m", "seed=0,1,2", "sweep=first")
    assert result.code == 130
    assert [config.seed for config, _, _ in trainer.calls] == [0, 1]
    assert [row["status"] for row in rows(tmp_path)] == ["finished", "interrupted", "not started"]
    assert "Sweep folder: outputs/sweeps/first" in result.out


def test_mistake_in_any_job_is_said_before_the_first_trains(
    gan_train: Command, trainer: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def check(config: Any) -> None:
        if config.seed == 2:
            raise UserError("metrics=inception: there are no weights")

    monkeypatch.setattr("gan_experiments.cli.train.check", check)
    result = gan_train("-m", "seed=0,1,2", "sweep=first")
    assert (result.code, trainer.calls) == (2, [])
    assert result.err == "gan-train: error: metrics=inception: there are no weights\n"
    assert not (tmp_path / "outputs").exists()


def test_grid_example(gan_train: Command, trainer: Any) -> None:
    assert gan_train("-m", "hparams_search=grid", "seed=0,1", "optim.lr=1e-4").code == 0
    assert [(config.optim.lr, config.seed) for config, _, _ in trainer.calls] == [(1e-4, 0), (1e-4, 1)]


def test_search_needs_its_plugin_and_a_metric(
    gan_train: Command, trainer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    try:
        import hydra_plugins.hydra_optuna_sweeper  # noqa: F401
    except ImportError:
        result = gan_train("-m", "hparams_search=optuna")
        assert result.code == 2
        assert result.err == (
            'gan-train: error: hydra/sweeper=optuna needs a plugin: pip install "gan-experiments[optuna]"\n'
        )
        return
    result = gan_train("-m", "hparams_search=optuna", "metrics=none")
    assert result.err == "gan-train: error: a search needs a metric to optimise, and metrics=none has none\n"
    trainer.errors = {1: RunError("nan")}
    result = gan_train("-m", "hparams_search=optuna", "hydra.sweeper.n_trials=2", "seed=0", "sweep=first")
    assert result.code == 0, result.err
    assert len(trainer.calls) == 2
    assert "Best value: 12.5" in result.out
    result = gan_train("-m", "hparams_search=optuna", "hydra.sweeper.n_trials=2", "seed=1", "sweep=first")
    assert result.code == 1
    assert "Traceback" not in result.err


def test_rows_of_a_sweep_that_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "seed=0" / ".hydra"
    folder.mkdir(parents=True)
    (folder / "overrides.yaml").write_text("- seed=0\n- sweep=first\n")
    (folder / "job.json").write_text('{"status": "running"}')
    assert Sweep(tmp_path, ["seed=0", "seed=1"]).rows() == [
        Row("seed=0", "interrupted", overrides={"seed": "0"}),
        Row("seed=1", "not started"),
    ]


def test_table_shows_what_differs(tmp_path: Path) -> None:
    one = Row("a", "finished", {"model": "gan", "seed": "0", "x": "1"}, {"fid": 12.34567}, 61.04)
    two = Row("b", "failed", {"model": "san", "seed": "0"}, {"is": 2.0}, None, "nan, at step 3", 1)
    assert table([one, two]).splitlines() == [
        "model  x  status    fid    is  seconds",
        "gan    1  finished  12.35      61",
        "san       failed           2",
    ]
    write_csv(tmp_path / "summary.csv", [one, two])
    assert (tmp_path / "summary.csv").read_text().splitlines() == [
        "folder,status,model,seed,x,fid,is,seconds,error",
        "a,finished,gan,0,1,12.34567,,61.04,",
        'b,failed,san,0,,,2.0,,"nan, at step 3"',
    ]


@pytest.mark.parametrize("room", [0, 5, 14])
def test_a_full_disk_is_said_wherever_it_is_met(
    room: int, gan_train: Command, trainer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(tmp_path, room, monkeypatch)
    result = gan_train("-m", "seed=0", "sweep=first", f"paths.data={tmp_path}")
    monkeypatch.undo()
    assert disk.writes > room
    assert result.code in (1, 2), result.err
    assert "the disk is full" in result.err
    assert "Traceback" not in result.err
    assert not list(tmp_path.rglob("*.new*"))


def test_a_run_that_diverged_or_is_damaged_is_a_row_of_the_table(
    gan_train: Command, trainer: Any, tmp_path: Path
) -> None:
    gan_train("-m", "seed=0,1,2", "sweep=first")
    folder = tmp_path / "outputs" / "sweeps" / "first"
    summary = {"status": "finished", "metrics": {"fd_lenet": "nan", "x": [1]}, "seconds": "soon"}
    (folder / "seed=0" / "summary.json").write_text(json.dumps(summary))
    (folder / "seed=1" / ".hydra" / "overrides.yaml").write_text("a: [")
    (folder / "seed=1" / "summary.json").write_text("[]")
    result = gan_train("-m", "seed=0,1,2", "sweep=first")
    assert result.code == 0, result.err
    assert [row["fd_lenet"] for row in rows(tmp_path)] == ["nan", "", "14.5"]
