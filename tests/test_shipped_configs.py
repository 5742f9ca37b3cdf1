"""Every shipped option through the real command line, on tiny data."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tiny
from gan_experiments.cli import train


def options(group: str) -> list[str]:
    return sorted(file.stem for file in (tiny.CONF / group).glob("*.yaml") if not file.stem.startswith("_"))


GROUPS = ["model", "network", "loss", "optim", "data", "metrics", "gpu", "logger", "train", "experiment"]


@pytest.fixture
def gan_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`gan_train("model=san")` trains in an empty folder and gives the run's folder."""
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    before = root.level, root.handlers[:]

    def call(*overrides: str, code: int = 0) -> Path:
        assert train.main(tiny.overridden(*overrides)) == code
        folders = [path.parent for path in (tmp_path / "outputs").rglob("summary.json")]
        return max(folders, key=lambda path: path.stat().st_mtime) if folders else tmp_path

    yield call
    root.level, root.handlers[:] = before


def finished(folder: Path, steps: int = 4) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["status"], summary["step"]) == ("finished", steps)
    assert (folder / "checkpoints" / "last.pt").is_file()
    assert len(list((folder / "samples").glob("step_*.png"))) == 1


@pytest.mark.parametrize(("group", "option"), [(g, o) for g in GROUPS for o in options(g)])
def test_every_option_composes_into_its_component(group: str, option: str) -> None:
    compatible = {"network": ["model=gan"], "loss": ["model=gan"], "optim": ["model=gan"]}.get(group, [])
    needed = {
        "folder": ["data.path=images"],
        "npz": ["data.path=images.npz"],
        "domain_folders": ["data.path=images"],
        "paired_folders": ["data.path=images"],
        "several": ["+metrics@metrics.parts.lenet=lenet"],
    }.get(option, [])
    tiny.compose(*compatible, f"{group}={option}", *needed)


@pytest.mark.parametrize("model", tiny.MODELS)
def test_every_model_trains(model: str, gan_train: Any) -> None:
    finished(gan_train(f"model={model}", "data.image_size=16"))


@pytest.mark.parametrize("model", tiny.TRANSLATORS)
def test_every_translator_trains(model: str, gan_train: Any, tmp_path: Path) -> None:
    finished(gan_train(*tiny.translation(tmp_path / "pictures", model)))


@pytest.mark.parametrize(("model", "network"), [("cyclegan", "unet"), ("pix2pix", "cyclegan")])
def test_every_network_translates(model: str, network: str, gan_train: Any, tmp_path: Path) -> None:
    finished(gan_train(*tiny.translation(tmp_path / "pictures", model), f"network={network}"))


@pytest.mark.parametrize("network", [name for name in options("network") if name not in ("cyclegan", "unet")])
@pytest.mark.parametrize("model", ["gan", "san"])
def test_every_network_trains(model: str, network: str, gan_train: Any) -> None:
    told = {"gan": "cgan", "san": "conditional_san"}[model] if network == "biggan" else model
    norm = ["model.discriminator_norm=none"] if network == "stylegan2" else []
    finished(gan_train(f"model={told}", f"network={network}", "data.image_size=16", *norm))


def together(*groups: str) -> list[tuple[str, ...]]:
    """Every option of every group in as few tuples as the largest group has options."""
    listed = [[name for name in options(group) if name != "none"] for group in groups]
    return [tuple(names[row % len(names)] for names in listed) for row in range(max(map(len, listed)))]


@pytest.mark.parametrize(("optim", "loss", "penalty"), together("optim", "loss", "penalty"))
def test_every_optimiser_loss_and_penalty_trains(optim: str, loss: str, penalty: str, gan_train: Any) -> None:
    adversary = [f"loss={loss}", f"+penalty@model.penalties.{penalty}={penalty}"]
    finished(gan_train("model=gan", *adversary, f"optim={optim}", "optim.lr=1e-4", "optim.schedule=linear"))


@pytest.mark.parametrize("head", options("head"))
def test_every_head_trains(head: str, gan_train: Any) -> None:
    model = "dcgan" if head in ("linear", "san") else "cgan"
    finished(gan_train(f"model={model}", f"head@model.head={head}", "data.image_size=16"))


@pytest.mark.parametrize("model", options("experiment/mnist"))
def test_every_mnist_recipe_trains(model: str, gan_train: Any) -> None:
    small = ["data.image_size=16", "train.sample_every=4"]
    finished(gan_train("experiment=mnist", f"model={model}", *small))


@pytest.mark.parametrize(
    "experiment",
    [
        "mnist_r1",
        "cifar10",
        "cifar10_small",
        "cifar10_r1",
        "stl10",
        "celeba",
        "points",
        "modes",
        "gngan_talk",
    ],
)
def test_every_other_recipe_composes(experiment: str) -> None:
    for model in ["gan", *options(f"experiment/{experiment}")]:
        tiny.compose(f"experiment={experiment}", f"model={model}")


def test_folder_npz_and_lenet_train(tmp_path: Path, gan_train: Any) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 20, 24, 3), dtype=np.uint8)
    (tmp_path / "pictures").mkdir()
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / "pictures" / f"{index}.png")
    np.savez(tmp_path / "images.npz", train_images=images[:, :16, :16], train_labels=np.arange(12) % 3)
    small = ["model=gan", "data.image_size=16", "metrics=none"]
    finished(gan_train("data=folder", "data.path=pictures", *small))
    finished(gan_train("data=npz", "data.path=images.npz", "data.num_classes=3", *small))
    part = "metrics.parts.lenet"
    for settings in (
        ["metrics=lenet", "metrics.samples=20", "metrics.real=30"],
        ["metrics=[lenet,lenet]", f"{part}.samples=20", f"{part}.real=30"],
    ):
        folder = gan_train("model=gan", *settings)
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        assert {"fd_lenet", "kid_lenet", "precision_lenet", "recall_lenet"} <= set(rows[-1]["metrics"])
        assert (folder / "checkpoints" / "best.pt").is_file()


def test_two_ranks_from_the_command_line(gan_train: Any) -> None:
    folder = gan_train("model=gan", "gpu.devices=2", "train.steps=2")
    finished(folder, steps=2)
    assert len(list(folder.glob("events.out.tfevents.*"))) == 1
    log = (folder / "train.log").read_text()
    assert log.count("step 2/2") == 1


def test_a_sweep_is_summarised_and_resumable(gan_train: Any, tmp_path: Path, capsys: Any) -> None:
    sweep = ["-m", "model=gan,san", "network=mlp", "sweep=two"]
    gan_train(*sweep)
    folder = tmp_path / "outputs" / "sweeps" / "two"
    table = (folder / "summary.csv").read_text().splitlines()
    assert len(table) == 3
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("last.pt")}
    assert len(before) == 2
    gan_train(*sweep)
    assert before == {path: path.stat().st_mtime_ns for path in folder.rglob("last.pt")}


def test_the_example_in_contributing_works_as_a_users_own_module(
    tmp_path: Path, gan_train: Any, monkeypatch: Any
) -> None:
    blocks = (tiny.CONF.parent / "CONTRIBUTING.md").read_text().split("```")
    code = next(block for block in blocks if block.startswith("python"))
    settings = next(block for block in blocks if block.startswith("yaml"))
    imports = (
        "from dataclasses import dataclass\nfrom omegaconf import MISSING\nfrom torch import Tensor\n"
        "from gan_experiments.models import Gan, Step\n"
    )
    body = "\n".join(line.removeprefix("   ") for line in code.splitlines()[1:])
    (tmp_path / "contributed_gan.py").write_text(imports + body)
    mine = tmp_path / "mine" / "model"
    mine.mkdir(parents=True)
    text = "\n".join(line.removeprefix("   ") for line in settings.splitlines()[1:])
    (mine / "feature_matching.yaml").write_text(
        text.replace("FeatureMatching\n", "contributed_gan.FeatureMatching\n", 1)
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    finished(gan_train("-cd", "mine", "model=feature_matching", "network=mlp"))
