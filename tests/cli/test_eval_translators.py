"""`gan-eval` and `gan-report` on tiny translators: the figures of training again, by direction."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from gan_experiments.cli import eval as command
from gan_experiments.cli import evaluation


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluation, "NEIGHBOUR_ROWS", 2)  # drawing takes seconds

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gan-eval", *map(str, arguments)])
        capsys.readouterr()
        return command.main(), *capsys.readouterr()

    return call


def test_the_figures_are_those_of_training_and_each_direction_has_its_pictures(
    cyclegan: Path, tmp_path: Path, call: Any
) -> None:
    code, out, _ = call(cyclegan, "--json", tmp_path / "f.json")
    assert code == 0
    found = json.loads((tmp_path / "f.json").read_text())
    wrote = json.loads((cyclegan / "metrics.jsonl").read_text().splitlines()[-1])
    made = {key: value for key, value in wrote.items() if not key.endswith("seconds")}
    assert {key: found[key] for key in made} == made
    assert [Path(path).name for path in found["pictures"]] == [
        f"f_{way}_neighbours_lenet.png" for way in ("a_to_b", "b_to_a")
    ]
    assert list(found["nearest"]) == ["a_to_b/lenet", "b_to_a/lenet"]
    assert out.splitlines()[2].startswith("a_to_b/kid_lenet")


def test_pairs_have_their_figures_again(pix2pix: Path, tmp_path: Path, call: Any) -> None:
    assert call(pix2pix, "--no-pictures", "--json", tmp_path / "f.json")[0] == 0
    found = json.loads((tmp_path / "f.json").read_text())
    wrote = json.loads((pix2pix / "metrics.jsonl").read_text().splitlines()[-1])
    assert found["metrics"] == wrote["metrics"]
    assert {"a_to_b/l1", "a_to_b/psnr", "a_to_b/ssim"} <= set(found["metrics"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["data=digits"], "this model translates between two image domains, and data=digits has one"),
        (
            ["data.channels=1"],
            "this model translates images of 3x16x16 to 3x16x16, and data=domain_folders has here 1x16x16 to 1x16x16",
        ),
        (["data.image_size=32"], "has here 3x32x32 to 3x32x32"),
    ],
)
def test_data_that_do_not_fit(settings: list[str], message: str, cyclegan: Path, call: Any) -> None:
    code, out, err = call(cyclegan, *settings)
    assert (code, out) == (2, "")
    assert message in err
    assert "Traceback" not in err


def test_the_best_checkpoint_is_that_of_the_mean_over_directions(cyclegan: Path) -> None:
    rows = [json.loads(line) for line in (cyclegan / "metrics.jsonl").read_text().splitlines()]
    means = {
        row["step"]: sum(row["metrics"][f"{way}/kid_lenet"] for way in ("a_to_b", "b_to_a")) / 2
        for row in rows
    }
    best = json.loads((cyclegan / "summary.json").read_text())["best"]["step"]
    assert best == min(means, key=lambda step: means[step])
