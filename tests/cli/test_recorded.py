"""`resume=` of a run whose recipes have changed since: it goes on as it was begun, and says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Command = Callable[..., Any]
Recipe = Callable[[str], None]

FIRST = "network:\n  spectral_scale: 2.0\noptim:\n  discriminator_lr: 0.001\n"
LATER = "network:\n  spectral_scale: 4.0\noptim:\n  discriminator_lr: 0.002\n"


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gan_train: Command) -> Recipe:
    """Writes `experiment=mine` anew: its defaults or settings."""
    path = tmp_path / "conf" / "experiment" / "mine.yaml"
    path.parent.mkdir(parents=True)
    monkeypatch.setenv("GAN_CONF", str(tmp_path / "conf"))

    def write(text: str) -> None:
        path.write_text(f"# @package _global_\n{text}")

    return write


@pytest.fixture
def run(recipe: Recipe, gan_train: Command, trainer: Any) -> Path:
    """A run of FIRST; the recipe is LATER by now."""
    recipe(FIRST)
    assert gan_train("experiment=mine", "seed=3", "hydra.run.dir=run").code == 0
    trainer.calls.clear()
    recipe(LATER)
    return Path.cwd() / "run"


def edited(run: Path, **values: Any) -> None:
    """Change what the run has recorded: `network={...}` is put into that part, None takes it away."""
    path = run / ".hydra" / "config.yaml"
    content = yaml.safe_load(path.read_text())
    for group, settings in values.items():
        for key, value in settings.items():
            content[group][key] = value
            if value is None:
                del content[group][key]
    path.write_text(yaml.safe_dump(content))


def test_goes_on_as_it_was_begun_and_says_what_would_be_otherwise(
    run: Path, gan_train: Command, trainer: Any
) -> None:
    for _ in range(2):  # the second time from what the first has left
        result = gan_train("resume=run", "train.steps=40000")
        assert result.out.splitlines()[:2] == [
            "Resuming from run/checkpoints/last.pt",
            "As it was begun, and not as in today's recipes: network.spectral_scale=2.0 optim.discriminator_lr=0.001",
        ]
        config = trainer.config
        assert (config.network.spectral_scale, config.optim.discriminator_lr) == (2.0, 0.001)
        assert (config.seed, config.train.steps) == (3, 40000)


def test_says_nothing_where_the_recipes_are_the_same(
    run: Path, recipe: Recipe, gan_train: Command, trainer: Any
) -> None:
    recipe(FIRST)
    assert gan_train("resume=run", "optim.lr=0.5").out.splitlines() == [
        "Resuming from run/checkpoints/last.pt",
        "Run folder: run",
    ]
    assert (trainer.config.network.spectral_scale, trainer.config.optim.lr) == (2.0, 0.5)


@pytest.mark.parametrize("value", ["4.0", "8.0"])  # that of today's recipe too
def test_what_is_said_anew_wins(value: str, run: Path, gan_train: Command, trainer: Any) -> None:
    gan_train("resume=run", f"network.spectral_scale={value}")
    config = trainer.config
    assert (config.network.spectral_scale, config.optim.discriminator_lr) == (float(value), 0.001)
    gan_train("resume=run")
    assert trainer.config.network.spectral_scale == float(value)


def test_a_part_of_the_settings_that_is_chosen_anew_is_todays(
    run: Path, recipe: Recipe, gan_train: Command, trainer: Any
) -> None:
    recipe("network:\n  width: 24\n")
    gan_train("resume=run", "network=dcgan")
    assert (trainer.config.network.width, trainer.config.network.spectral_scale) == (24, 1.0)
    assert trainer.config.optim.discriminator_lr == 0.001


def test_auto_goes_on_as_the_run_was_begun(run: Path, gan_train: Command, trainer: Any) -> None:
    (run / "summary.json").write_text('{"status": "interrupted"}')
    words = ("experiment=mine", "seed=3", "hydra.run.dir=run", "resume=auto")
    for _ in range(2):
        assert "network.spectral_scale=2.0" in gan_train(*words).out
        assert (trainer.folder, trainer.config.network.spectral_scale) == (run, 2.0)


def test_settings_are_shown_as_those_with_which_it_goes_on(run: Path, gan_train: Command) -> None:
    shown = yaml.safe_load(gan_train("resume=run", "--cfg", "job").out)
    assert shown["network"]["spectral_scale"] == 2.0
    assert shown["optim"]["discriminator_lr"] == 0.001


def test_a_setting_that_did_not_exist_is_what_its_class_does_by_itself(
    run: Path, gan_train: Command, trainer: Any
) -> None:
    edited(run, network={"spectral_scale": None})
    assert "network.spectral_scale=1.0" in gan_train("resume=run").out
    assert trainer.config.network.spectral_scale == 1.0


def test_a_setting_that_did_not_exist_and_has_no_default_is_todays(
    run: Path, gan_train: Command, trainer: Any
) -> None:
    edited(run, model={"instance_noise": None})
    result = gan_train("resume=run")
    assert (result.code, trainer.config.model.instance_noise) == (0, 0.0)
    assert "instance_noise" not in result.out


def test_a_setting_that_is_none_any_more_is_named(run: Path, gan_train: Command) -> None:
    edited(run, network={"old": 1})
    assert gan_train("resume=run").out.splitlines()[2] == (
        "Begun with settings that are none any more: network.old"
    )


def test_settings_that_follow_from_others_follow_new_ones(
    recipe: Recipe, gan_train: Command, trainer: Any
) -> None:
    recipe("train:\n  checkpoint_every: ${train.steps}\n")
    gan_train("experiment=mine", "train.steps=20", "hydra.run.dir=run")
    recipe("train:\n  checkpoint_every: 7\n")
    gan_train("resume=run", "train.steps=40")
    assert trainer.config.train.checkpoint_every == 40


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("hinge", "wasserstein", ["loss=hinge"]),
        ("penalty", "none", ["+penalty@model.penalties.gp=gp"]),
        ("none", "penalty", ["~penalty@model.penalties.gp"]),
    ],
)
def test_another_option_is_refused_with_what_to_say(
    before: str, after: str, words: list[str], recipe: Recipe, gan_train: Command, trainer: Any
) -> None:
    penalty = "defaults:\n  - /penalty@model.penalties.gp: gp\n  - _self_\n"
    texts = {"none": "seed: 1\n", "penalty": penalty}
    texts |= {loss: f"defaults:\n  - override /loss: {loss}\n" for loss in ("hinge", "wasserstein")}
    recipe(texts[before])
    assert gan_train("model=gan", "experiment=mine", "hydra.run.dir=run").code == 0
    settings = trainer.config
    recipe(texts[after])
    result = gan_train("resume=run")
    assert (result.code, len(trainer.calls)) == (2, 1)
    assert result.err.strip().endswith(
        f"run was begun with other options than today's recipes have; to go on as it began, say {' '.join(words)}"
    )
    for again in (words, []):
        assert gan_train("resume=run", *again).code == 0
        assert (trainer.config.loss, trainer.config.model) == (settings.loss, settings.model)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("${oc.env:HOME}", "network.spectral_scale has no value of a setting, and is not replayed"),
        ([{"a": 1}], "network.spectral_scale has no value of a setting, and is not replayed"),
        ("much", "network.spectral_scale: Value 'much'"),
        (-1.0, "spectral_scale"),
    ],
)
def test_a_strangers_values_are_refused(
    value: Any, said: str, run: Path, gan_train: Command, trainer: Any
) -> None:
    edited(run, network={"spectral_scale": value})
    result = gan_train("resume=run")
    assert (result.code, trainer.calls) == (2, [])
    assert said in result.err
    assert len(result.err.splitlines()) < 4


@pytest.mark.parametrize("content", ["", "[1]", "1"])
def test_a_run_without_recorded_settings_is_composed_anew(
    content: str, run: Path, gan_train: Command, trainer: Any
) -> None:
    (run / ".hydra" / "config.yaml").write_text(content)
    assert gan_train("resume=run").code == 0
    assert trainer.config.network.spectral_scale == 4.0
