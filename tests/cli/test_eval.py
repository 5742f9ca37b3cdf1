"""`gan-eval`: the figures of a run again, of other data, and of two folders of images."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import tiny
from faults import FullDisk
from gan_experiments.cli import eval as command
from gan_experiments.cli import evaluation
from gan_experiments.cli.figures import table

Call = Any
RUN = [
    "model=san",
    "network=mlp",
    "metrics=lenet",
    "metrics.samples=130",
    "metrics.batch_size=50",
    "train.evaluate_every=2",
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("eval")


@pytest.fixture(scope="module")
def trained(place: Path) -> Path:
    """A run of four steps, evaluated after two and four."""
    from gan_experiments.training import run

    folder = place / "model=san,seed=0"  # as a sweep names it
    folder.mkdir()
    config, record = tiny.compose(*RUN, f"paths.data={place / 'data'}")
    run(config, folder, record)
    return folder


@pytest.fixture(scope="module")
def folders(place: Path) -> tuple[Path, Path]:
    """The digits' test and training images as PNG files."""
    from gan_experiments.data import Digits

    digits = Digits(channels=1, image_size=32, num_classes=10, flip=False)
    for split in ("test", "train"):
        (place / split).mkdir()
        for index, image in enumerate(digits.load(split, place / "data").images[:300]):
            Image.fromarray(image[0]).save(place / split / f"{index:04d}.png")
    return place / "test", place / "train"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: Any) -> Call:
    """`call(RUN, ...) -> (exit code, out, err)`, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(evaluation, "NEIGHBOUR_ROWS", 2)  # drawing takes seconds

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gan-eval", *map(str, arguments)])
        capsys.readouterr()
        return command.main(), *capsys.readouterr()

    return call


def rows(folder: Path) -> dict[int, dict[str, Any]]:
    """What training wrote, by step."""
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return {row["step"]: row for row in map(json.loads, lines)}


def test_the_figures_are_those_of_training(trained: Path, call: Call) -> None:
    wrote = rows(trained)
    best = min(wrote, key=lambda step: wrote[step]["metrics"]["fd_lenet"])
    for which, step in (("last", 4), ("best", best), ("2", 2)):
        assert call(trained, "--checkpoint", which, "--no-pictures")[0] == 0
        found = json.loads((trained / "evaluations" / f"step_{step:08d}_lenet.json").read_text())
        assert {key: found[key] for key in wrote[step] if key != "seconds"} == {
            key: value for key, value in wrote[step].items() if key != "seconds"
        }


def test_table_and_pictures(trained: Path, call: Call) -> None:
    code, out, _ = call(trained)
    assert code == 0
    assert out.startswith(table(rows(trained)[4]))
    found = json.loads((trained / "evaluations" / "step_00000004_lenet.json").read_text())
    names = [Path(picture).name for picture in found["pictures"]]
    assert names == [f"step_00000004_lenet_{kind}_lenet.png" for kind in ("neighbours", "modes")]
    for picture in found["pictures"]:
        assert picture in out
        pixels = np.asarray(Image.open(picture).convert("L"))
        assert pixels.std() > 20
    assert found["nearest"]["lenet"]["suspects"] <= 0.05  # noise repeats nothing


def test_a_lone_checkpoint_with_other_settings(trained: Path, tmp_path: Path, call: Call) -> None:
    shutil.copy(trained / "checkpoints" / "last.pt", tmp_path / "model.pt")
    code, out, _ = call(
        "model.pt", "data=digits", "data.image_size=16", "--samples", 40, "metrics.seed=1", "--json", "f.json"
    )
    assert code == 0
    assert "generated             40\n" in out
    found = json.loads((tmp_path / "f.json").read_text())
    digests = {row["protocol"]["real_digest"] for row in rows(trained).values()}
    assert found["protocol"]["real_digest"] not in digests  # of the smaller images
    assert found["protocol"]["seed"] == 1
    assert found["settings"] == ["data=digits", "data.image_size=16", "metrics.seed=1", "metrics.samples=40"]


def test_two_folders_are_the_floor(trained: Path, folders: Any, tmp_path: Path, call: Call) -> None:
    """Held-out images in a folder have the figures that they have as the floor of a run."""
    test, train = folders
    code, out, _ = call("--folders", test, train, "--metrics", "lenet", "--held-out", test)
    assert code == 0
    found = json.loads((tmp_path / "test_lenet.json").read_text())
    assert found["metrics"] == found["floor"]
    assert (found["protocol"]["generated"], found["protocol"]["real"]) == (297, 300)
    for name in ("test_lenet.json", "test_lenet_neighbours_lenet.png"):
        assert name in out
        assert (tmp_path / name).is_file()


def test_copies_are_seen(folders: Any, tmp_path: Path, call: Call) -> None:
    _, train = folders
    assert call("--folders", train, train, "--metrics", "lenet")[0] == 0
    nearest = json.loads((tmp_path / "train_lenet.json").read_text())["nearest"]["lenet"]
    assert nearest["generated_to_real"] == 0
    assert nearest["suspects"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a run's folder, a checkpoint, or --folders GENERATED REAL"),
        (["nowhere"], "there is no run or checkpoint nowhere"),
        (["RUN", "--checkpoint", "7"], "has no checkpoint '7'; it has: best, last, step_00000002"),
        (["RUN", "lr=3"], "lr=3: gan-eval has settings of data, metrics, paths only"),
        (["RUN", "more"], "'more' is no setting"),
        (["RUN", "metrics.sample=9"], "Did you mean 'samples'?"),
        (["RUN", "metrics.samples=few"], "few"),
        (["RUN", "data=digit"], "Did you mean 'digits'?"),
        (["RUN", "data=ring"], "this model draws images, and data=ring has points"),
        (["RUN", "--metrics", "lennet"], "Did you mean 'lenet'?"),
        (["RUN", "metrics=none"], "name networks"),
        (["RUN", "--metrics", "inception", "--weights", "w.pth"], "there is no file w.pth"),
        (["RUN", "--metrics", "inception,vgg16", "--weights", "w.pth"], "evaluate them one by one"),
        (["RUN", "metrics=[inception,vgg16]", "--weights", "w.pth"], "evaluate them one by one"),
        (["RUN", "metrics=[lennet]"], "Did you mean 'lenet'?"),
        (["RUN", "--held-out", "x"], "--held-out belongs to --folders"),
        (["--folders", "nowhere", "RUN"], "there is no folder nowhere"),
        (["--folders", "RUN", "RUN", "--metrics", "lenet"], "images; figures need at least 10"),
        (["RUN", "--sampels", "3"], "'--sampels' is no setting"),
    ],
)
def test_mistakes(arguments: list[str], message: str, trained: Path, call: Call) -> None:
    code, out, err = call(*[trained if argument == "RUN" else argument for argument in arguments])
    assert code == 2
    assert out == ""
    assert err.startswith("gan-eval: error: ")
    assert message in err
    assert "Traceback" not in err


def test_help_does_not_import_torch() -> None:
    program = (
        "import sys\nfrom gan_experiments.cli import eval\nsys.argv = ['gan-eval', '--help']\n"
        "try:\n    eval.main()\nexcept SystemExit as stop:\n    assert not stop.code\nassert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--folders GENERATED REAL" in done.stdout


@pytest.mark.parametrize("file", ["folder", "file/below.json"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_measured(
    file: str, trained: Path, tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    monkeypatch.setattr(evaluation, "_measure", None)
    code, out, err = call(trained, "--json", tmp_path / file)
    assert (code, out) == (2, "")
    assert err == f"gan-eval: error: {tmp_path / file} cannot be written: name another file with --json\n"


def test_a_full_disk_is_one_sentence(trained: Path, tmp_path: Path, call: Call, monkeypatch: Any) -> None:
    FullDisk(tmp_path, 0, monkeypatch)
    code, _, err = call(trained, "--no-pictures", "--json", tmp_path / "a.json")
    assert code == 1
    assert err.startswith(f"gan-eval: error: {tmp_path / 'a.json'} could not be written: the disk is full")
    assert list(tmp_path.iterdir()) == []
