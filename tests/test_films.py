"""Films: of frames, and of a run's samples."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments import films
from gan_experiments.errors import UserError


def frames(path: Path) -> list[np.ndarray]:
    with Image.open(path) as film:
        found = []
        for place in range(film.n_frames):  # type: ignore[attr-defined]
            film.seek(place)
            found.append(np.asarray(film.convert("RGB")))
        return found


def samples(folder: Path, count: int) -> list[Path]:
    """Grey pictures of 140 x 30 pixels, each a level brighter than the one before."""
    paths = [folder / f"step_{10 * index:08d}.png" for index in range(1, count + 1)]
    for level, path in enumerate(paths):
        Image.new("L", (140, 30), 2 * level).save(path)
    return paths


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
    path = films.of_training(samples(tmp_path, count), tmp_path / "train.gif")
    found = frames(path)
    assert len(found) == kept
    assert found[0].shape == (30 + films.STRIP, 140, 3)
    assert (found[0][:30] == 0).all()
    assert (found[-1][:30] == 2 * (count - 1)).all()
    assert found[0][30:].min() < 100  # the step, in black on white
    assert not np.array_equal(found[0][30:], found[-1][30:])


def test_one_picture_is_no_film(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a film needs two pictures in the run's samples/, and there are 1"):
        films.of_training(samples(tmp_path, 1), tmp_path / "train.gif")


def test_an_mp4_has_the_frames(tmp_path: Path) -> None:
    pictures = [Image.new("RGB", (65, 48), (level, level, level)) for level in range(0, 250, 25)]
    path = tmp_path / "a.mp4"
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        with pytest.raises(
            UserError, match='MP4 needs imageio-ffmpeg: pip install "gan-experiments\\[video\\]"'
        ):
            films.write(pictures, path, 0.1)
        pytest.skip("imageio-ffmpeg is not installed")
    import imageio_ffmpeg

    films.write(pictures, path, 0.1, pause=0.5)
    reader = imageio_ffmpeg.read_frames(str(path))
    about = next(reader)
    assert about["fps"] == 10
    levels = [np.frombuffer(frame, np.uint8).mean() for frame in reader]
    assert len(levels) == 15
    np.testing.assert_allclose(levels[:10], range(0, 250, 25), atol=4)
