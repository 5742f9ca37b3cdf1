import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.cli import data

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gan_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """`gan_data("list") -> (exit code, stdout, stderr)` in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAN_DATA", raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gan-data", *words])
        code = data.main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.npz"
    np.savez(path, images=np.zeros((6, 4, 4, 3), np.uint8), labels=np.array([0, 1, 1, 2, 2, 2]))
    return path


def test_help_does_not_import_torch() -> None:
    code = """
import sys
from gan_experiments.cli.data import main
sys.argv = ["gan-data", "--help"]
try:
    main()
except SystemExit as stop:
    assert stop.code == 0
assert "torch" not in sys.modules
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for command in ("list", "fetch", "check", "prepare", "export"):
        assert f"    {command} " in out


def test_list_says_what_is_here_and_where_the_rest_is_expected(gan_data: Command, tmp_path: Path) -> None:
    (tmp_path / "data" / "horse2zebra").mkdir(parents=True)
    code, out, _ = gan_data("list")
    assert code == 0
    lines = [line.strip() for line in out.splitlines()]
    state = {line.split()[0]: lines[number + 1] for number, line in enumerate(lines) if not number % 2}
    assert state["digits"] == "ready"
    assert state["npz"] == "nothing to download: your own files"
    assert state["horse2zebra"] == "here: data/horse2zebra"
    assert state["cifar10"] == "not here: expected in data: cifar-10-python.tar.gz"
    assert (
        state["celeba"] == "not here: expected in data/celeba: img_align_celeba.zip, list_eval_partition.txt"
    )
    assert any(
        line.startswith("mnist") and "MNIST: 60,000 + 10,000 handwritten digits" in line for line in lines
    )


def test_the_root_is_the_option_or_the_environment(
    gan_data: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAN_DATA", str(tmp_path / "environment"))
    assert f"expected in {tmp_path / 'environment'}: stl10_binary.tar.gz" in gan_data("list")[1]
    assert (
        f"expected in {tmp_path / 'option'}: stl10" in gan_data("list", "--root", str(tmp_path / "option"))[1]
    )


def test_prepare_counts(gan_data: Command, images: Path) -> None:
    code, out, _ = gan_data(
        "prepare", "npz", f"path={images}", "image_size=4", "--root", "root", "data.num_classes=3"
    )
    assert code == 0
    assert out == "npz train: 6 images of 3x4x4\n  per class: 1, 2, 3\n"
    assert len(list(Path("root/.cache").glob("npz-*.npy"))) == 1


def test_prepare_names_classes_and_says_what_is_left_out(gan_data: Command, tmp_path: Path) -> None:
    for name in ("cat/1.png", "dog/1.png", "dog/2.png"):
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    (tmp_path / "mine" / "notes.txt").write_text("no image")
    code, out, err = gan_data("prepare", "folder", "path=mine", "image_size=4", "num_classes=2")
    assert (code, out) == (0, "folder train: 3 images of 3x4x4\n  per class: cat: 1, dog: 2\n")
    assert err == "3 images in mine, 2 classes (cat, dog); left out: 1 of another kind (.txt)\n"


def test_names_that_steer_a_terminal_are_shown_harmless(gan_data: Command, tmp_path: Path) -> None:
    for folder in ("a\x1b[31m", "b\udcff"):
        (tmp_path / "mine" / folder).mkdir(parents=True)
        Image.new("L", (8, 8)).save(tmp_path / "mine" / folder / "x.png")
    settings = [f"path={tmp_path / 'mine'}", "image_size=8", "num_classes=2"]
    _, out, err = gan_data("prepare", "folder", *settings, "--root", str(tmp_path))
    assert out.endswith("per class: a\\x1b[31m: 1, b\\udcff: 1\n")
    assert "2 classes (a\\x1b[31m, b\\udcff)" in err
    (tmp_path / "mine" / "a\x1b[31m" / "\r.png").write_text("none")
    code, _, err = gan_data("check", "folder", *settings, "--root", str(tmp_path))
    assert code == 1
    assert "a\\x1b[31m/\\r.png cannot be read as an image" in err
    assert "\x1b" not in err


def test_pairs_are_prepared_and_checked(gan_data: Command, tmp_path: Path) -> None:
    for name in ("trainA/1.png", "trainB/1.png"):
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    words = ("paired_folders", "path=mine", "image_size=64", "source_channels=1")
    code, out, _ = gan_data("prepare", *words)
    assert code == 0
    assert out == (
        "paired_folders train: 1 pairs of 3x72x72, of which training sees crops of 64x64\n"
        "  translated from: 1 images of 1x72x72\n"
    )
    assert gan_data("check", *words)[:2] == (0, "paired_folders is complete and readable\n")
    (tmp_path / "mine" / "trainB" / "1.png").rename(tmp_path / "mine" / "trainB" / "2.png")
    code, _, err = gan_data("check", *words)
    assert code == 1
    assert "mine/trainA/1.png has no partner of the same name in mine/trainB" in err


def test_check_and_prepare_of_digits(gan_data: Command) -> None:
    assert gan_data("check", "digits") == (0, "digits is complete and readable\n", "")
    code, out, _ = gan_data("prepare", "digits", "image_size=8")
    assert code == 0
    assert out.startswith("digits train: 1500 images of 1x8x8\n  per class: 0: 1")
    assert "digits test: 297 images of 1x8x8" in out
    assert gan_data("fetch", "digits") == (0, "digits has nothing to download\n", "")


def test_export_writes_what_data_folder_reads(gan_data: Command, images: Path) -> None:
    words = ("export", "npz", "out", f"path={images}", "image_size=4", "num_classes=3")
    assert gan_data(*words) == (0, "out/train: 6 images\n", "")
    names = [str(path.relative_to("out/train")) for path in sorted(Path("out").glob("**/*.png"))]
    assert names == [
        "0/000000.png",
        *(f"1/00000{i}.png" for i in (1, 2)),
        *(f"2/00000{i}.png" for i in (3, 4, 5)),
    ]
    assert np.asarray(Image.open("out/train/0/000000.png")).shape == (4, 4, 3)
    assert "per class: 0: 1, 1: 2, 2: 3" in gan_data("prepare", "folder", "path=out/train", *words[4:])[1]
    code, _, err = gan_data(*words)
    assert (code, "out is not empty" in err) == (2, True)


def test_export_of_two_domains_keeps_partners_together(gan_data: Command, tmp_path: Path) -> None:
    for letter, shade in (("A", 10), ("B", 200)):
        (tmp_path / "mine" / f"train{letter}").mkdir(parents=True)
        Image.new("L", (64, 64), shade).save(tmp_path / "mine" / f"train{letter}" / "x.png")
    words = ("path=mine", "image_size=64", "channels=1", "load_size=70")
    assert (
        gan_data("export", "paired_folders", "out", *words)[1]
        == "out/trainA: 1 images\nout/trainB: 1 images\n"
    )
    shades = [np.asarray(Image.open(f"out/train{letter}/000000.png")) for letter in "AB"]
    assert [(image.shape, int(image.mean())) for image in shades] == [((64, 64), 10), ((64, 64), 200)]


def test_check_names_what_is_wrong(gan_data: Command, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"wrong"))
    code, _, err = gan_data("check", "mnist")
    assert code == 1
    assert err.startswith("gan-data: error: mnist: 4 found wrong\n  train-images-idx3-ubyte.gz is missing")
    assert "  data/mnist/train-labels-idx1-ubyte.gz has md5 " in err


def test_an_option_of_ones_own(
    gan_data: Command, tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine" / "data").mkdir(parents=True)
    (tmp_path / "mine" / "data" / "dots.yaml").write_text(
        f"# my dots\ndefaults:\n  - npz\n  - _self_\npath: {images}\nimage_size: 4\nnum_classes: 3\n"
    )
    monkeypatch.setenv("GAN_CONF", str(tmp_path / "mine"))
    assert "my dots" in gan_data("list")[1]
    assert "6 images of 3x4x4" in gan_data("prepare", "dots")[1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["prepar", "mnist"], "there is no command 'prepar'\n  Did you mean 'prepare'?"),
        (["fetch"], "the following arguments are required: NAME"),
        (["fetch", "mnits"], "there is no data set 'mnits'\n  Did you mean 'mnist'?"),
        (["check", "digits", "--rot=x"], "'--rot=x' is no setting"),
        (["prepare", "digits", "32"], "'32' is no setting; settings are written key=value"),
        (["prepare", "digits", "image_sze=32"], "there is no setting data.image_sze"),
        (
            ["prepare", "digits", "image_size=big"],
            "Value 'big' of type 'str' could not be converted to Integer",
        ),
        (["prepare", "digits", "image_size=4"], "data.image_size must be at least 8 for digits, not 4"),
        (["prepare", "folder"], "data.path has no value"),
        (["check", "folder", "path=nowhere"], "there is no folder nowhere"),
        (["export", "digits"], "the following arguments are required: FOLDER"),
        (["export", "ring", "out"], "ring has points, which are no pictures"),
        (["fetch", "celeba"], "data/celeba/img_align_celeba.zip"),
    ],
)
def test_mistakes_are_one_short_message(gan_data: Command, words: list[str], message: str) -> None:
    code, out, err = gan_data(*words)
    assert code == 2
    assert err.startswith("gan-data: error: ")
    assert message in err
    assert "Traceback" not in out + err
    assert len(err.splitlines()) <= 4


def test_weights_are_looked_after_as_data_is(
    gan_data: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "hub"))
    place = tmp_path / "hub" / "hub" / "checkpoints" / "vgg16-397923af.pth"
    code, _, err = gan_data("check", "vgg16")
    assert code == 1
    assert (
        err
        == f"gan-data: error: the weights of vgg16 are not here: expected at {place}; gan-data fetch vgg16\n"
    )
    assert f"not here: expected at {place}" in gan_data("list")[1]
    place.parent.mkdir(parents=True)
    place.write_bytes(b"mine")
    code, _, err = gan_data("check", "vgg16")
    assert code == 2
    assert "its sha256 begins with" in err
    digest = hashlib.sha256(b"mine").hexdigest()[:8]
    for command in ("check", "fetch"):
        code, out, _ = gan_data(command, "vgg16", f"sha256={digest}")
        assert (code, out) == (0, f"vgg16 is here: {place} (sha256 {digest})\n")
