"""`experiment=mnist model=gan`: a recipe for data, and what it has for the model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_experiments.cli.arguments import expanded
from gan_experiments.cli.catalogue import Catalogue

Command = Callable[..., Any]
Write = Callable[[str, str], Path]


def rate(config: Any) -> tuple[float, float]:
    return config.optim.lr, config.optim.beta1


def test_a_sweep_over_models_takes_each_ones_recipe(gan_train: Command, trainer: Any) -> None:
    result = gan_train("-m", "experiment=mnist", "model=gan,vae,wgan_gp", "sweep=fair")
    assert result.code == 0, result.err
    gan, vae, wgan_gp = (config for config, _, _ in trainer.calls)
    assert [rate(config) for config in (gan, vae, wgan_gp)] == [(1e-3, 0.0), (1e-3, 0.9), (1e-3, 0.0)]
    assert (gan.model.discriminator_steps, wgan_gp.model.discriminator_steps) == (1, 1)  # WGAN-GP's own: 5
    assert {config.train.steps for config in (gan, vae, wgan_gp)} == {1500}
    assert {type(config.network).__name__ for config in (gan, vae, wgan_gp)} == {"DCGAN"}
    names = [folder.name for _, folder, _ in trainer.calls]
    assert names == [f"model={name}" for name in ("gan", "vae", "wgan_gp")]
    gan_train("-m", "experiment=mnist", "model=gan,vae,wgan_gp", "sweep=fair")
    assert len(trainer.calls) == 3  # all are finished


def test_the_command_line_wins(gan_train: Command, trainer: Any) -> None:
    gan_train("experiment=mnist", "model=gan", "optim=sgd", "train.steps=7", "network=mlp")
    assert type(trainer.config.optim).__name__ == "Sgd"
    assert (trainer.config.optim.lr, trainer.config.train.steps) == (0.1, 7)
    gan_train("-m", "experiment=mnist", "model=gan", "optim.beta1=0.3,0.4")
    assert [rate(config) for config, _, _ in trainer.calls[1:]] == [(1e-3, 0.3), (1e-3, 0.4)]


def test_resuming_with_another_model_takes_that_ones_recipe(gan_train: Command, trainer: Any) -> None:
    gan_train("experiment=mnist", "model=gan", "hydra.run.dir=run")
    gan_train("resume=run")
    assert rate(trainer.config) == (1e-3, 0.0)
    gan_train("resume=run", "model=vae")
    assert rate(trainer.config) == (1e-3, 0.9)


def test_settings_are_shown_with_the_recipe(gan_train: Command) -> None:
    result = gan_train("--cfg", "job", "--package", "optim", "experiment=mnist", "model=gan")
    assert "lr: 0.001\n" in result.out


def test_a_users_own_recipe(gan_train: Command, trainer: Any, write: Write) -> None:
    write("mine/experiment/mnist/gan.yaml", "# @package _global_\n# mine\nseed: 9\n")
    write("mine/experiment/dots.yaml", "# @package _global_\n# dots\nseed: 4\n")
    write("mine/experiment/dots/vae.yaml", "# @package _global_\n# dots with a VAE\noptim:\n  lr: 0.5\n")
    assert gan_train("-cd", "mine", "-m", "experiment=mnist,dots", "model=gan,vae").code == 0
    assert [(config.seed, config.optim.lr) for config, _, _ in trainer.calls] == [
        (9, 2e-4),
        (0, 1e-3),
        (4, 2e-4),
        (4, 0.5),
    ]


def test_metrics_are_a_list_and_with_m_commas_sweep(gan_train: Command, trainer: Any) -> None:
    assert gan_train("-m", "metrics=lenet,[lenet,modes]").code == 2  # modes are no feature network
    assert gan_train("-m", "metrics=none,[lenet]").code == 0
    kinds = [type(config.metrics).__name__ for config, _, _ in trainer.calls]
    assert kinds == ["NoMetrics", "Several"]
    assert list(trainer.config.metrics.parts) == ["lenet"]


def test_expanding_twice_changes_nothing() -> None:
    catalogue = Catalogue.of("train", [])
    once = expanded(["experiment=mnist", "model=gan", "metrics=[lenet,vgg16]"], catalogue)
    assert once == expanded(once, catalogue)
    assert "+experiment/mnist=gan" in once
