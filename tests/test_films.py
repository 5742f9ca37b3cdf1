"""Films: of frames, and of a run's samples."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from gan_experiments import films
from gan_experiments.errors import UserError
from gan_experiments.runs import RunFolder


def frames(path: Path) -> list[np.ndarray]:
    with Image.open(path) as film:
        found = []
        for place in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(place)
            found.append(np.asarray(film.convert("RGB")))
        return found


def run_of(folder: Path, count: int) -> RunFolder:
    """A run with grey samples of 140 x 30 pixels, each a level brighter than the one before."""
    (folder / "samples").mkdir()
    for level in range(count):
        Image.new("L", (140, 30), 2 * level).save(folder / "samples" / f"step_{10 * level + 10:08d}.png")
    return RunFolder(folder)


def test_a_gif_has_the_frames_and_repeats(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (8, 6), colour) for colour in ("red", "black", "red")]
    path = films.write(iter(pictures), tmp_path / "new" / "a.gif", 0.08, pause=1)
    assert [frame[0, 0].tolist() for frame in frames(path)] == [[255, 0, 0], [0, 0, 0], [255, 0, 0]]
    with Image.open(path) as film:
        assert film.info["loop"] == 0
        assert film.info["duration"] == 80
        film.seek(2)
        assert film.info["duration"] == 1080


@pytest.mark.parametrize(("count", "kept"), [(2, 2), (101, 50)])
def test_a_film_of_training_goes_from_the_first_to_the_last_samples(
    count: int, kept: int, tmp_path: Path
) -> None:
    path = films.of_training(run_of(tmp_path, count), tmp_path / "train.gif")
    found = frames(path)
    assert len(found) == kept
    assert found[0].shape == (30 + films.STRIP, 140, 3)
    assert (found[0][:30] == 0).all()
    assert (found[-1][:30] == 2 * (count - 1)).all()
    assert found[0][30:].min() < 100  # the step, in black on white
    assert not np.array_equal(found[0][30:], found[-1][30:])


def test_one_picture_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a film needs two pictures in the run's samples/, and there are 1"):
        films.of_training(run_of(tmp_path, 1), tmp_path / "train.gif")


def test_what_is_no_picture_of_the_run_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", None)
    run = run_of(tmp_path, 3)
    (tmp_path / "samples" / "step_00000001.png").write_bytes(
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    )
    (tmp_path / "samples" / "step_00000002.png").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "samples" / "step_00000003.png")
    (tmp_path / "samples" / "step_00000020.png").write_bytes(b"torn")
    assert len(frames(films.of_training(run, tmp_path / "train.gif"))) == 2


def test_an_mp4_has_the_frames(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (65, 48), (level, level, level)) for level in range(0, 250, 25)]
    path = tmp_path / "a.mp4"
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        with pytest.raises(
            UserError, match='MP4 needs imageio-ffmpeg: pip install "gan-experiments\\[video\\]"'
        ):
            films.write(pictures, path, 0.1)
        assert not list(tmp_path.iterdir())
        pytest.skip("imageio-ffmpeg is not installed")
    import imageio_ffmpeg

    films.write(pictures, path, 0.1, pause=0.5)
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    assert about["fps"] == 10
    levels = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    assert len(levels) == 15
    np.testing.assert_allclose(levels[:10], range(0, 250, 25), atol=4)
