"""`gan-sample` on a tiny run: from the checkpoint alone."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

import tiny
from faults import FullDisk
from gan_experiments.cli import sample


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gan_experiments.training import run

    config, record = tiny.compose("model=san", "network=mlp")
    folder = tmp_path_factory.mktemp("trained")
    run(config, folder, record)
    return folder


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["gan-sample", *map(str, arguments)])
    return sample.main()


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


def test_grid_is_the_default(trained: Path, monkeypatch: Any, capsys: Any) -> None:
    assert call(monkeypatch, trained) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == trained / "samples" / "grid_step_00000004.png"
    assert Image.open(path).size == (530, 530)


def test_files_are_the_same_images_for_the_same_seed(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert call(monkeypatch, trained, "--images", 3, "--output", tmp_path / folder, "--seed", seed) == 0
    images = {f: [np.asarray(Image.open(p)) for p in sorted((tmp_path / f).glob("*.png"))] for f in "abc"}
    assert [image.shape for image in images["a"]] == [(32, 32)] * 3
    assert all(np.array_equal(a, b) for a, b in zip(images["a"], images["b"], strict=True))
    assert not np.array_equal(images["a"][0], images["c"][0])


def test_fewer_images_are_the_first_of_more(
    trained: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    for count in (5, 70):
        assert call(monkeypatch, trained, "--images", count, "--output", tmp_path / str(count)) == 0
    few, many = (sorted((tmp_path / name).glob("*.png")) for name in ("5", "70"))
    assert [path.name for path in few] == [f"image_{index:06d}.png" for index in range(5)]
    for one, other in zip(
        few, many[:5], strict=True
    ):  # to rounding: a batch of another size is added up otherwise
        assert np.abs(pixels(one) - pixels(other)).max() <= 1
    assert min(np.abs(pixels(few[0]) - pixels(path)).max() for path in many[1:]) > 1


def test_a_folder_of_images_says_its_seed_and_is_not_written_into_twice(
    trained: Path, monkeypatch: Any, capsys: Any
) -> None:
    assert call(monkeypatch, trained, "--images", 2) == 0
    folder = Path(capsys.readouterr().out.strip())
    assert folder == trained / "samples" / "images_step_00000004_seed_0"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert call(monkeypatch, trained, "--images", 3) == 2
    assert f"{folder} has images in it already: name another folder with --output" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert call(monkeypatch, trained, "--images", 1, "--seed", 5) == 0
    assert Path(capsys.readouterr().out.strip()) == folder.with_name("images_step_00000004_seed_5")


def test_interpolation(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    output = tmp_path / "walk.png"
    assert call(monkeypatch, trained, "--interpolate", 2, "--steps", 5, "--output", output) == 0
    assert Image.open(output).size == (5 * 130 + 2, 2 * 130 + 2)


def test_a_walk_is_a_film_in_the_place_that_its_ending_says(
    trained: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    default = trained / "samples" / "walk_step_00000004.gif"
    for arguments, path in (
        (["--walk"], default),
        (["--output", tmp_path / "b.gif"], tmp_path / "b.gif"),
    ):
        assert call(monkeypatch, trained, "--steps", 2, *arguments) == 0
        assert Path(capsys.readouterr().out.strip()) == path
        with Image.open(path) as film:
            assert (film.n_frames, film.size) == (12, (522, 522))


def test_a_film_of_the_training(trained: Path, monkeypatch: Any, capsys: Any) -> None:
    assert call(monkeypatch, trained, "--film") == 2
    assert "a film needs two pictures in the run's samples/, and there are 1" in capsys.readouterr().err
    shutil.copy(trained / "samples" / "step_00000004.png", trained / "samples" / "step_00000002.png")
    assert call(monkeypatch, trained, "--film") == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == trained / "train.gif"
    with Image.open(path) as film:
        assert (film.n_frames, film.size) == (2, (530, 550))


def test_a_moved_checkpoint_is_enough(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    lone = tmp_path / "model.pt"
    shutil.copy(trained / "checkpoints" / "last.pt", lone)
    assert call(monkeypatch, lone, "--grid", 4) == 0
    assert (tmp_path / "grid_step_00000004.png").is_file()


def test_a_step_is_chosen(trained: Path, tmp_path: Path, monkeypatch: Any) -> None:
    assert call(monkeypatch, trained, "--checkpoint", 2, "--grid", 4, "--output", tmp_path / "two.png") == 0
    assert (tmp_path / "two.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "there is no run or checkpoint nowhere"),
        (["RUN", "--checkpoint", "best"], "no checkpoint 'best'; it has: last, step_00000002, step_00000004"),
        (["RUN", "--grid", "0"], "--grid must be at least 1, not 0"),
        (["RUN", "--grid", "99999999999"], "--grid must be at most 10,000, not 99999999999"),
        (["RUN", "--device", "warp"], "device warp: "),
        (["JUNK"], "not a checkpoint"),
        (["RUN", "--direction", "a_to_b"], "--direction belongs to models that translate images"),
        (["RUN", "--output", "FOLDER"], "this writes one file, whose name ends in .png or .jpg"),
        (["RUN", "--output", "x.npy"], "x.npy: this writes one file, whose name ends in .png"),
        (["RUN", "--output", "x"], "this writes one file"),
        (["RUN", "--walk", "x.png"], "x.png: this writes one file, whose name ends in .gif or .mp4"),
        (["RUN", "--film", "x"], "whose name ends in .gif or .mp4"),
        (["RUN", "--grid", "4", "--output", "x.gif"], "whose name ends in .png or .jpg"),
        (["RUN", "--walk", "x.gif", "--output", "y.gif"], "--walk x.gif and --output y.gif name two files"),
        (["RUN", "--images", "2", "--output", "x.png"], "--images writes a folder of files"),
        (["RUN", "--neighbours", "2"], "this model was not measured over a feature network"),
        (
            ["RUN", "--images", "2", "--output", "JUNK"],
            "--images writes a folder of files, and this is a file",
        ),
    ],
)
def test_mistakes(
    arguments: list[str], message: str, trained: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    (tmp_path / "junk.pt").write_text("junk")
    places = {"RUN": trained, "JUNK": tmp_path / "junk.pt", "FOLDER": tmp_path}
    assert call(monkeypatch, *[places.get(a, a) for a in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("gan-sample: error: ")
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("can't allocate memory: you tried to allocate 9 bytes")]
)
def test_too_little_memory_is_one_sentence(
    error: Exception, trained: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.setattr("gan_experiments.api.TrainedModel.grid", Mock(side_effect=error))
    assert call(monkeypatch, trained) == 1
    assert re.fullmatch(
        "gan-sample: error: there is not enough memory( for 9 bytes)?\n", capsys.readouterr().err
    )


def test_a_strangers_module_is_not_imported(
    trained: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    from gan_experiments.training import checkpoint

    state = checkpoint.load(trained / "checkpoints" / "last.pt")
    state["describe"]["classes"]["model"] = "evil_module.Model"
    (tmp_path / "evil_module.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    checkpoint.save(tmp_path / "evil.pt", state)
    assert call(monkeypatch, tmp_path / "evil.pt") == 2
    assert "if you trust it, add --module evil_module" in capsys.readouterr().err


def test_points_are_written_as_an_array(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    from gan_experiments.training import run

    config, record = tiny.compose("model=gan", "network=mlp", "data=ring", "data.samples=100", "metrics=none")
    run(config, tmp_path, record)
    capsys.readouterr()
    assert call(monkeypatch, tmp_path, "--images", 7) == 0
    path = Path(capsys.readouterr().out.strip())
    assert path == tmp_path / "samples" / "points_step_00000004.npy"
    seven = np.load(path)
    assert seven.shape == (7, 2)
    assert call(monkeypatch, tmp_path, "--images", 3, "--output", tmp_path / "three.npy") == 0
    np.testing.assert_allclose(np.load(tmp_path / "three.npy"), seven[:3], rtol=1e-5)
    capsys.readouterr()
    assert call(monkeypatch, tmp_path, "--images", 3, "--output", tmp_path / "three.png") == 2
    assert "whose name ends in .npy" in capsys.readouterr().err
    assert call(monkeypatch, tmp_path, "--interpolate", 2) == 2
    assert "generates points" in capsys.readouterr().err


@pytest.mark.parametrize("kind", [["--grid", 2], ["--images", 2], ["--walk"]])
def test_what_cannot_be_written_is_one_sentence_and_leaves_nothing(
    kind: list[Any], trained: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    ending = {"--grid": ".png", "--walk": ".gif"}.get(kind[0], "")
    (tmp_path / "file").touch()
    full = FullDisk(tmp_path, 0, monkeypatch)
    for name, reason in (("file/x", "Not a directory|File exists"), ("x", "the disk is full")):
        output = tmp_path / f"{name}{ending}"
        assert call(monkeypatch, trained, *kind, "--steps", 2, "--output", output) == 1
        error = capsys.readouterr().err
        assert re.fullmatch(rf"gan-sample: error: {output}.* could not be written: ({reason}).*\n", error)
    assert full.writes
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "file"]


@pytest.mark.parametrize("kind", [[], ["--images", 2], ["--walk"]])
def test_nothing_is_written_where_a_link_in_the_run_leads_out(
    kind: list[Any], trained: Path, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    run, victim = tmp_path / "run", tmp_path / "victim"
    (run / "checkpoints").mkdir(parents=True)
    victim.mkdir()
    shutil.copy(trained / "checkpoints" / "last.pt", run / "checkpoints")
    (run / "samples").symlink_to(victim)
    assert call(monkeypatch, run, *kind) == 2
    assert "samples leads out of the run's folder" in capsys.readouterr().err
    assert list(victim.iterdir()) == []
