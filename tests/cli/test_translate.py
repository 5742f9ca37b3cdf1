"""`gan-sample RUN --from FOLDER` on tiny translators: every picture of a folder, under its own name."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from gan_experiments.cli import sample
from gan_experiments.cli.translate import read
from gan_experiments.data import pictures
from gan_experiments.errors import UserError
from gan_experiments.grids import to_uint8
from gan_experiments.training.restore import Restored

SIZE = 16  # of the runs


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gan-sample", *map(str, arguments)])
        capsys.readouterr()
        return sample.main(), *capsys.readouterr()

    return call


def noise(*shape: int, seed: int = 0, dtype: Any = np.uint8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path)).astype(int)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a camera or an editor writes, in many sizes; two of them below a folder of their own."""
    folder = tmp_path / "mine"
    (folder / "more" / "deep").mkdir(parents=True)
    colour = Image.fromarray(noise(20, 30, 3))
    colour.save(folder / "photo.JPG")
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn
    colour.save(folder / "turned.jpg", exif=turned)
    Image.fromarray(noise(9, 7)).save(folder / "grey.png")
    Image.fromarray(noise(40, 16, 4)).save(folder / "alpha.png")
    Image.fromarray(noise(8, 8, 2)).save(folder / "grey_alpha.png")
    colour.quantize(8).save(folder / "palette.png")
    colour.convert("1").save(folder / "bits.png")
    Image.fromarray(noise(12, 12, dtype=np.uint16)).save(folder / "deep.png")
    Image.fromarray(noise(12, 18, dtype=np.uint16)).save(folder / "deep.tiff")
    Image.fromarray(noise(12, 18).astype(np.float32) / 255).save(folder / "float.tif")
    colour.convert("CMYK").save(folder / "more" / "print.jpg")
    colour.save(folder / "more" / "deep" / "web.webp")
    colour.save(folder / "old.bmp")
    colour.convert("L").save(folder / "plain.pgm")
    Image.new("RGB", (1, 1), "red").save(folder / "dot.png")
    return folder


def test_names_sub_folders_and_proportions_are_kept(
    cyclegan: Path, folder: Path, tmp_path: Path, call: Any
) -> None:
    output = tmp_path / "out"
    assert call(cyclegan, "--from", folder, "--output", output) == (0, f"{output}\n", "")
    names = {path.relative_to(folder) for path in folder.rglob("*.*")}
    assert {path.relative_to(output) for path in output.rglob("*.*")} == names
    sizes = {
        "photo.JPG": (24, 16),
        "turned.jpg": (16, 24),
        "alpha.png": (16, 40),
        "grey.png": (16, 21),
        "dot.png": (16, 16),
    }
    for name, size in sizes.items():
        with Image.open(output / name) as image:
            assert (image.size, image.mode) == (size, "RGB")


def test_a_translation_is_what_the_model_makes_of_the_picture(
    cyclegan: Path, tmp_path: Path, call: Any
) -> None:
    image = noise(SIZE, SIZE, 3, seed=3)
    (tmp_path / "one").mkdir()
    Image.fromarray(image).save(tmp_path / "one" / "a.png")
    restored = Restored(cyclegan / "checkpoints" / "last.pt", torch.device("cpu"))
    source = torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
    made = {}
    for direction in ("a_to_b", "b_to_a"):
        output = tmp_path / direction
        assert (
            call(cyclegan, "--from", tmp_path / "one", "--output", output, "--direction", direction)[0] == 0
        )
        made[direction] = pixels(output / "a.png")
        with torch.no_grad():
            expected = restored.networks[f"generator_{direction}"](source)
        np.testing.assert_array_equal(made[direction], to_uint8(expected)[0].permute(1, 2, 0).numpy())
    assert not np.array_equal(made["a_to_b"], made["b_to_a"])


def test_a_u_nets_noise_is_the_seeds_whatever_else_is_in_the_folder(
    pix2pix: Path, tmp_path: Path, call: Any
) -> None:
    for name, files in (("one", ["b"]), ("two", ["a", "b"])):
        (tmp_path / name).mkdir()
        for seed, file in enumerate(files, 2 - len(files)):
            Image.fromarray(noise(20, 24, 3, seed=seed)).save(tmp_path / name / f"{file}.png")
    made = {}
    for name, seed in (("one", 0), ("two", 0), ("one", 1)):
        output = tmp_path / f"{name}_{seed}"
        assert call(pix2pix, "--from", tmp_path / name, "--output", output, "--seed", seed)[0] == 0
        made[name, seed] = pixels(output / "b.png")
    np.testing.assert_array_equal(made["one", 0], made["two", 0])
    assert not np.array_equal(made["one", 0], made["one", 1])


def test_unreadable_files_are_named_and_the_others_translated(
    cyclegan: Path, tmp_path: Path, call: Any
) -> None:
    folder, output = tmp_path / "mine", tmp_path / "out"
    folder.mkdir()
    Image.fromarray(noise(20, 20, 3)).save(folder / "b.png")
    (folder / "a.jpg").write_text("no picture")
    (folder / "c.png").write_bytes((folder / "b.png").read_bytes()[:200])
    (folder / "d.png").write_bytes(b"")
    Image.new("RGB", (1, 5000)).save(folder / "e.jpg")  # 16 times as long is more than a JPEG holds
    code, out, err = call(cyclegan, "--from", folder, "--output", output)
    assert (code, out) == (1, "")
    named = re.findall(r"^gan-sample: (\S+) (cannot be read|could not be written)", err, re.MULTILINE)
    assert named == [
        *((str(folder / name), "cannot be read") for name in ("a.jpg", "c.png", "d.png")),
        (str(output / "e.jpg"), "could not be written"),
    ]
    assert err.endswith(
        f"gan-sample: error: 4 of 5 files could not be translated; the others are in {output}\n"
    )
    assert [path.name for path in output.iterdir()] == ["b.png"]
    assert "Traceback" not in err


def test_the_runs_own_test_images_are_taken_where_nothing_is_said(
    cyclegan: Path, tmp_path: Path, call: Any
) -> None:
    code, out, _ = call(cyclegan)
    default = cyclegan / "samples" / "a_to_b_step_00000004"
    assert (code, out) == (0, f"{default}\n")
    assert len(list(default.iterdir())) == 10
    code, out, err = call(cyclegan, "--from", "data")
    assert (code, out) == (2, "")
    assert f"{default / 'image_000000.png'} is there already: name another folder with --output" in err
    output = tmp_path / "back"
    assert call(cyclegan, "--from", "data", "--direction", "b_to_a", "--output", output)[0] == 0
    assert sorted(path.name for path in output.iterdir()) == [f"image_{index:06d}.png" for index in range(11)]
    shutil.copy(cyclegan / "checkpoints" / "last.pt", tmp_path / "model.pt")
    code, out, _ = call(tmp_path / "model.pt", "--from", cyclegan.parent / "data" / "testA")
    assert (code, out) == (0, f"{tmp_path / 'a_to_b_step_00000004'}\n")


def test_an_earlier_output_inside_the_folder_is_not_translated_again(
    cyclegan: Path, tmp_path: Path, call: Any
) -> None:
    Image.fromarray(noise(16, 16, 3)).save(tmp_path / "a.png")
    (tmp_path / "out" / "left").mkdir(parents=True)
    Image.fromarray(noise(16, 16, 3)).save(tmp_path / "out" / "left" / "old.png")
    assert call(cyclegan, "--from", tmp_path, "--output", tmp_path / "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.png")) == ["a.png", "old.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--from", "nowhere"], "there is no folder nowhere"),
        (["--from", "EMPTY"], "has no images"),
        (["--from", "DATA", "--output", "DATA"], "is the folder that is read"),
        (["--from", "DATA", "--output", "FILE"], "translations go into a folder, and this is a file"),
        (
            ["--from", "DATA", "--direction", "b_to_c"],
            "there is no direction 'b_to_c': this model has a_to_b and b_to_a",
        ),
        (
            ["--grid", "4"],
            "--grid: this model translates images: gan-sample RUN --from FOLDER --output FOLDER",
        ),
        (["--label", "0"], "--label: this model translates images"),
    ],
)
def test_mistakes(arguments: list[str], message: str, cyclegan: Path, tmp_path: Path, call: Any) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    data = tmp_path / "data"
    data.mkdir()
    Image.new("RGB", (4, 4)).save(data / "a.png")
    places = {"EMPTY": tmp_path / "empty", "FILE": tmp_path / "file", "DATA": data}
    code, out, err = call(cyclegan, *[places.get(word, word) for word in arguments])
    assert (code, out) == (2, "")
    assert err.startswith("gan-sample: error: ")
    assert message in err
    assert [path.name for path in data.iterdir()] == ["a.png"]


def test_a_model_of_one_way_has_no_other(pix2pix: Path, call: Any) -> None:
    code, _, err = call(pix2pix, "--direction", "b_to_a")
    assert code == 2
    assert "there is no direction 'b_to_a': this model has a_to_b" in err


def test_what_is_read_is_what_is_seen(tmp_path: Path) -> None:
    def of(image: Image.Image, name: str = "x.png", channels: int = 3, **options: Any) -> np.ndarray:
        image.save(tmp_path / name, **options)
        return read(tmp_path / name, channels)

    deep = np.array([[0, 257, 65535, 32896, 128, 129]], np.uint16)
    for name in ("deep.png", "deep.tif"):
        assert of(Image.fromarray(deep), name, 1)[0].tolist() == [[0, 1, 255, 128, 0, 1]]
    for white in (1, 255):
        values = np.array([[0.0, 0.5 * white, white]], np.float32)
        assert of(Image.fromarray(values), "f.tif", 1)[0].tolist() == [[0, 128, 255]]
    clear = of(Image.fromarray(np.array([[[10, 20, 30, 255], [0, 0, 0, 0]]], np.uint8)))
    assert clear.tolist() == [[[10, 255]], [[20, 255]], [[30, 255]]]
    assert of(Image.fromarray(np.array([[7, 200]], np.uint8))).tolist() == [[[7, 200]]] * 3
    exif = Image.Exif()
    exif[0x0112] = 6
    assert of(Image.fromarray(np.array([[7, 200]], np.uint8)), exif=exif).tolist() == [[[7], [200]]] * 3
    ordinary = noise(5, 6, 3)
    Image.fromarray(ordinary).save(tmp_path / "o.png")
    for channels in (1, 3):
        expected = pictures.decode((tmp_path / "o.png").read_bytes(), "o", channels)
        np.testing.assert_array_equal(read(tmp_path / "o.png", channels), expected)
    (tmp_path / "bad.png").write_text("bad")
    with pytest.raises(UserError, match=r"bad\.png cannot be read as an image"):
        read(tmp_path / "bad.png", 3)
