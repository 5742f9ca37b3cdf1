"""The numbers behind the figures of scripts/figures."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from script_helpers import load

from processors import SEED

pytestmark = pytest.mark.processors


def test_jensen_shannon_saturates_and_wasserstein_does_not(tmp_path: Path) -> None:
    module = load("figures/js_vs_wasserstein")
    values = {0: 0.0, 1: 0.111421, 2: 0.336831, 5: 0.675943, 10: 0.693146, 20: 0.693147, 30: 0.693147}
    for mean, value in values.items():
        assert module.jensen_shannon(mean) == pytest.approx(value, abs=1e-6)
        assert module.wasserstein(mean) == mean
    assert module.jensen_shannon(30) == pytest.approx(math.log(2), abs=1e-9)
    module.draw(tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").size == (1200, 420)


def test_the_evolution_ends_at_equilibrium(tmp_path: Path) -> None:
    module = load("figures/evolution_1d")
    first, last = module.train([0, 700], seed=SEED)
    assert abs(first.points.mean().item() - 4) > 2
    assert last.points.mean().item() == pytest.approx(4, abs=0.15)
    assert last.points.std().item() == pytest.approx(0.5, abs=0.15)
    assert last.on_points.mean().item() == pytest.approx(0.5, abs=0.05)  # D cannot tell any more
    module.draw([first, last], tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").size == (720, 360)


def test_clipping_kills_gradients_and_piles_weights_up(tmp_path: Path) -> None:
    module = load("figures/weight_clipping")
    centres = module.MIXTURES["8 Gaussians"]
    clipped = module.train(centres, module.REGULARISERS["clip 0.01"], layers=12, steps=60, seed=SEED)
    penalised = module.train(centres, module.REGULARISERS["gradient penalty"], layers=12, steps=60, seed=SEED)
    assert float(clipped.weights.abs().max()) == pytest.approx(0.01)
    at_limit = [
        (trained.weights.abs() > 0.99 * trained.weights.abs().max()).float().mean()
        for trained in (clipped, penalised)
    ]
    assert at_limit[0] > 0.3
    assert at_limit[1] < 0.01
    # Backwards through 11 clipped layers of width 64 a gradient shrinks; under the penalty it does not.
    assert clipped.gradients[0] < 1e-3 * clipped.gradients[-1]
    assert penalised.gradients[0] > 1e-1 * penalised.gradients[-1]
    heights = module.surface(penalised.critic, 3.0, side=11)
    corner = penalised.critic(torch.tensor([[-3.0, 3.0]])).item()
    assert heights.shape == (11, 11)
    assert np.isclose(heights[-1, 0], corner)  # rows are y, columns x
    module.draw(tmp_path / "figure.png", steps=2)
    assert Image.open(tmp_path / "figure.png").size == (1440, 780)


def test_on_parallel_lines_the_minimax_gradient_vanishes_and_wgan_arrives(tmp_path: Path) -> None:
    module = load("figures/wgan_where_gan_fails")
    minimax, saturated, clipped, penalised = (
        module.train(one, alone=150, steps=60, seed=SEED) for one in module.METHODS
    )
    assert minimax.gradients[-1] < 0.05 * max(minimax.gradients)
    assert min(history.gradients[-1] for history in (saturated, clipped, penalised)) > 0.3
    assert minimax.theta[-1] == pytest.approx(module.START, abs=0.01)  # it has not moved
    assert abs(clipped.theta[-1]) < 0.25
    assert abs(penalised.theta[-1]) < 0.25
    # Before the generator moves, both GANs have the same discriminator, which is sure of either side.
    assert np.array_equal(minimax.scores, saturated.scores)
    assert minimax.scores[module.LINE.numpy() < 0.1].min() > 0.95
    assert minimax.scores[module.LINE.numpy() > 1.9].max() < 0.05
    module.draw([minimax, saturated, clipped, penalised], tmp_path / "figure.png")
    assert Image.open(tmp_path / "figure.png").size == (1560, 456)


def published(folder: Path, model: str, seed: int, values: list[float], penalty: str = "-") -> None:
    rows = [
        {"step": 10 * k, "cpu_seconds": 2.0 * k + seed, "metrics": {"fd_lenet": value}}
        for k, value in enumerate(values, 1)
    ]
    settings = {"data": "mnist", "model": model, "penalty@model.penalties.r1": penalty, "seed": str(seed)}
    run = {"settings": settings, "evaluations": rows}
    (folder / f"{model}{penalty}{seed}.json").write_text(json.dumps(run), encoding="utf-8")


def test_curves_are_means_and_ranges_over_seeds(tmp_path: Path) -> None:
    module = load("figures/curves")
    published(tmp_path, "gan", 0, [30, 20, 10])
    published(tmp_path, "gan", 1, [50, 40])
    published(tmp_path, "san", 0, [9, 8])
    published(tmp_path, "san", 0, [7, 6], penalty="r1")
    assert list(module.read(tmp_path, [])) == ["gan", "san", "san r1"]
    runs = module.read(tmp_path, ["san r1", "gan"])
    assert list(runs) == ["san r1", "gan"]
    over = module.curve(runs["gan"], "fd_lenet", "cpu_seconds")
    assert over.tolist() == [[2.5, 40, 30, 50], [4.5, 30, 20, 40]]  # where both seeds have been evaluated
    with pytest.raises(SystemExit, match=r"no runs of wgan; it has: gan, san, san r1"):
        module.read(tmp_path, ["wgan"])
    with pytest.raises(SystemExit, match=r"not every evaluation has fid and step; they have: fd_lenet"):
        module.curve(runs["gan"], "fid", "step")
    with pytest.raises(SystemExit, match=r"has no files of runs"):
        module.read(tmp_path / "elsewhere", [])


def test_names_of_lines_do_not_cover_each_other() -> None:
    module = load("figures/curves")
    gap = module.GAP
    assert module.apart([0.1, 0.5, 0.9]) == [0.1, 0.5, 0.9]
    assert module.apart([0.5, 0.5, 0.8]) == pytest.approx([0.5, 0.5 + gap, 0.8])
    assert module.apart([0.2, 0.99, 1.0, 1.0]) == pytest.approx([0.2, 1 - 2 * gap, 1 - gap, 1.0])


def test_curves_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("figures/curves")
    published(tmp_path, "gan", 0, [30, 20, 10])
    output = tmp_path / "curves.png"
    argv = ["curves.py", str(tmp_path), "--over", "step", "--output", str(output)]
    monkeypatch.setattr("sys.argv", argv)
    module.main()
    assert Image.open(output).size == (720, 480)


def grid_of(folder: Path, colour: str, steps: int = 1) -> None:
    """A run's folder with grids of samples; all but the last are black."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "job.json").write_text("{}")
    (folder / "samples").mkdir()
    for step in range(1, steps + 1):
        picture = Image.new("RGB", (20, 20), colour if step == steps else "black")
        picture.save(folder / "samples" / f"step_{step:08d}.png")


def test_newest_grids_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module = load("figures/grids")
    grid_of(tmp_path / "san", "red", steps=2)
    grid_of(tmp_path / "sweep" / "gan", "blue")
    output = tmp_path / "figures" / "grids.png"
    module.main([str(tmp_path / "san"), str(tmp_path / "sweep"), "--output", str(output)])
    assert capsys.readouterr().out.strip() == str(output)
    picture = Image.open(output)
    assert picture.size == (20 + module.GAP + 20, 20)
    red, blue, white = (255, 0, 0), (0, 0, 255), (255, 255, 255)
    places = {(0, 0): red, (19, 19): red, (20, 0): white, (20 + module.GAP, 0): blue}
    assert {place: picture.getpixel(place) for place in places} == places
    with pytest.raises(SystemExit, match="elsewhere holds no run with a grid"):
        module.main([str(tmp_path / "elsewhere"), "--output", str(output)])
