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
from gan_experiments.reports import grouped, tables
from gan_experiments.runs import runs_below
from reporting import make_run

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
        made = {key: value for key, value in wrote[step].items() if not key.endswith("seconds")}
        assert {key: found[key] for key in made} == made


def test_table_and_pictures(trained: Path, call: Call) -> None:
    code, out, _ = call(trained)
    assert code == 0
    assert out.startswith("Gan, 1x32x32, step 4, against digits, 1x32x32, train\n" + table(rows(trained)[4]))
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
    code, out, err = call(
        "model.pt", "data=digits", "data.image_size=16", "--samples", 40, "metrics.seed=1", "--json", "f.json"
    )
    assert code == 0
    assert "note: the model draws images of 1x32x32, and data=digits has 1x16x16 here" in err
    assert "generated             40\n" in out
    found = json.loads((tmp_path / "f.json").read_text())
    digests = {row["protocol"]["real_digest"] for row in rows(trained).values()}
    assert found["protocol"]["real_digest"] not in digests  # of the smaller images
    assert found["protocol"]["seed"] == 1
    assert found["settings"] == ["data=digits", "data.image_size=16", "metrics.seed=1", "metrics.samples=40"]


def test_what_is_measured_otherwise_has_a_file_of_its_own(trained: Path, call: Call) -> None:
    before = (trained / "evaluations" / "step_00000004_lenet.json").read_bytes()
    assert call(trained, "data=digits", "data.channels=3", "--no-pictures")[0] == 0
    file = trained / "evaluations" / "step_00000004_lenet,data.channels=3,data=digits.json"
    assert json.loads(file.read_text())["real"] == "digits, 3x32x32, train"
    assert (trained / "evaluations" / "step_00000004_lenet.json").read_bytes() == before


def test_several_runs_become_a_row_with_a_deviation(trained: Path, tmp_path: Path, call: Call) -> None:
    """From a sweep's folder to a table of 40 samples: two commands, gan-eval and gan-report."""
    steps = ["00000002", "00000004", "00000004"]
    for seed, step in enumerate(steps):
        run = make_run(tmp_path / "sweep" / str(seed), {"model": "san"}, {"seed": seed}).path
        (run / "checkpoints").mkdir()
        shutil.copy(trained / "checkpoints" / f"step_{step}.pt", run / "checkpoints" / "last.pt")
    make_run(tmp_path / "sweep" / "failed", {"model": "san"}, {"seed": 3}, status="failed")
    (tmp_path / "broken.pt").write_text("no checkpoint")
    code, out, err = call("sweep", "broken.pt", "--samples", 40, "--no-pictures")
    assert code == 2
    assert "left out: sweep/failed has no checkpoint 'last'; it has: none" in err
    assert "1 of 4 not measured:\n  broken.pt: broken.pt is not a checkpoint" in err
    assert [line for line in out.splitlines() if line.startswith("[")] == [
        *(f"[{seed + 1}/4] sweep/{seed}/checkpoints/last.pt" for seed in range(3)),
        "[4/4] broken.pt",
    ]
    (table,) = tables(grouped(runs_below(tmp_path / "sweep")))
    of_two, of_one = table.rows  # budgets apart
    assert (of_two.seeds, of_one.seeds, table.protocol["generated"], table.protocol["data"]) == (
        2,
        1,
        40,
        "digits",
    )


def test_a_folder_against_a_data_set(folders: Any, tmp_path: Path, call: Call) -> None:
    """Held-out images in a folder have the figures that the data set's own have as the floor."""
    assert call("--folders", folders[0], "digits:train", "metrics=lenet", "--no-pictures")[0] == 0
    found = json.loads((tmp_path / "test_against_digits-train_lenet.json").read_text())
    assert (found["real"], found["protocol"]["real"]) == ("digits, 1x32x32, train", 1500)
    assert found["metrics"] == found["floor"]


def test_two_folders_are_the_floor(trained: Path, folders: Any, tmp_path: Path, call: Call) -> None:
    """Held-out images in a folder have the figures that they have as the floor of a run."""
    test, train = folders
    code, out, _ = call("--folders", test, train, "metrics=lenet", "--held-out", test)
    assert code == 0
    found = json.loads((tmp_path / "test_against_train_lenet.json").read_text())
    assert found["metrics"] == found["floor"]
    assert (found["protocol"]["generated"], found["protocol"]["real"]) == (297, 300)
    for name in ("test_against_train_lenet.json", "test_against_train_lenet_neighbours_lenet.png"):
        assert name in out
        assert (tmp_path / name).is_file()


def test_copies_are_seen(folders: Any, tmp_path: Path, call: Call) -> None:
    _, train = folders
    assert call("--folders", train, train, "metrics=lenet")[0] == 0
    nearest = json.loads((tmp_path / "train_against_train_lenet.json").read_text())["nearest"]["lenet"]
    assert nearest["generated_to_real"] == 0
    assert nearest["suspects"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a run's folder, a checkpoint, or --folders GENERATED REAL"),
        (["nowhere"], "there is no run or checkpoint nowhere"),
        (["RUN", "--checkpoint", "7"], "has no checkpoint '7'; it has: best, last, step_00000002"),
        (["RUN", "lr=3"], "lr=3: gan-eval has settings of data, metrics, paths only"),
        (["RUN", "more"], "there is no run or checkpoint more"),
        (["RUN", "RUN", "--json", "f.json"], "--json names one file, and there are 2 checkpoints"),
        (["RUN", "metrics.sample=9"], "Did you mean 'samples'?"),
        (["RUN", "metrics.samples=few"], "few"),
        (["RUN", "data=digit"], "Did you mean 'digits'?"),
        (["RUN", "data=ring"], "this model draws images, and data=ring has points"),
        (["RUN", "metrics=lennet"], "Did you mean 'lenet'?"),
        (["RUN", "metrics=[lennet]"], "Did you mean 'lenet'?"),
        (["RUN", "metrics=[]"], "there is no metrics=[]. Options: "),
        (["RUN", "data=[]"], "there is no data=[]. Options: "),
        (["RUN", "metrics=null"], "there is no metrics=null. Options: "),
        (["RUN", "metrics.seed=18446744073709551616"], "metrics.seed must be less than 2**63"),
        (["RUN", "metrics=none"], "choose some, for example metrics=lenet"),
        (["RUN", "metrics=lenet,vgg16"], "several metrics over one pass are written metrics=[lenet,vgg16]"),
        (["RUN", "metrics=inception", "metrics.weights=w.pth"], "there is no file w.pth"),
        (
            ["RUN", "metrics=[inception,vgg16]", "metrics.weights=w"],
            "write metrics.parts.inception.weights=FILE",
        ),
        (["RUN", "--held-out", "x"], "--held-out belongs to --folders"),
        (["--folders", "nowhere", "RUN"], "there is no folder nowhere, and no data set of that name"),
        (["--folders", "RUN", "cifar01"], "Did you mean 'cifar10'?"),
        (["--folders", "RUN", "digits:valid"], "the splits are digits:train and digits:test"),
        (["--folders", "digits", "ring", "metrics=lenet"], "data=ring has points"),
        (["--folders", "RUN", "digits", "metrics=modes"], "measured by feature networks"),
        (["--folders", "RUN", "RUN", "RUN"], "is a third place"),
        (["--folders", "RUN", "RUN", "metrics=lenet"], "images; figures need at least 10"),
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
