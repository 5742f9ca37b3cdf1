"""Film strips, thinning, and pictures that fit their budget."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import hostile
import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from gan_experiments import grids
from gan_experiments.reports import pictures
from gan_experiments.runs import RunFolder
from reporting import make_run


def shown(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def grid(path: Path, grey: int, tile: int = 4) -> bytes:
    """Eight times eight tiles, `grey` and one more for each after it."""
    side = 8 * (tile + 1) + 1
    image = np.zeros((side, side, 3), np.uint8)
    for row in range(8):
        for column in range(8):
            y, x = (1 + place * (tile + 1) for place in (row, column))
            image[y : y + tile, x : x + tile] = grey + 8 * row + column
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    path.write_bytes(buffer.getvalue())
    return buffer.getvalue()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    run = make_run(tmp_path / "run", {"model": "gan"}, {})
    for step in (1, 2, 3):
        real = grid(run.path / "samples" / f"step_{step:08d}.png", 50 * step)
    picture = Summary.Image(height=41, width=41, encoded_image_string=real)
    event = Event(step=0, summary=Summary(value=[Summary.Value(tag="real", image=picture)]))
    (run.path / "events.out.tfevents.1").write_bytes(hostile.records(event))
    return run


def test_a_strip_has_latents_down_and_time_across(run: RunFolder) -> None:
    film = pictures.film(run, 100_000)
    assert film is not None
    assert (film.steps, film.real) == ([1, 2, 3], True)
    strip = np.array(shown(film.uri))[..., 0]
    assert strip.shape == (4 * 5 - 1, 4 * 4 + 3 * 2 + 6)
    for row in range(4):
        assert [strip[5 * row + 1, x] for x in (1, 7, 13, 25)] == [50 + 8 * row, 100 + 8 * row, 150 + 8 * row, 150 + 8 * row]  # fmt: skip


def test_pictures_that_are_no_grids_stand_whole(run: RunFolder) -> None:
    for path in run.samples():
        path.write_bytes(hostile.png((500, 500)))
    film = pictures.film(run, 100_000)
    assert film is not None
    assert not film.real  # of another size
    assert shown(film.uri).size == (3 * 120 + 2 * 2, 120)


def translations(grey: int, columns: int) -> bytes:
    """Two directions' sheets of five rows of images of 16 pixels, `grey` and one more for each column after it."""
    cells = 25 * np.arange(columns)[:, None, None, None, None] + np.full((columns, 5, 3, 16, 16), grey)
    rows = cells.transpose(1, 0, 2, 3, 4).reshape(5 * columns, 3, 16, 16)
    sheet = grids.grid(torch.from_numpy(rows).float() / 127.5 - 1, columns)
    buffer = io.BytesIO()
    grids.to_image(torch.cat([sheet, sheet], dim=1)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("columns", [2, 3, 4, 6])
def test_a_translators_strip_has_the_source_and_what_becomes_of_it(tmp_path: Path, columns: int) -> None:
    run = make_run(tmp_path / "run", {"model": "cut"}, {"data": {"image_size": 16, "source_channels": None}})
    for step in (1, 2, 3):
        path = run.path / "samples" / f"step_{step:08d}.png"
        path.write_bytes(translations(10 * step, columns))
    film = pictures.film(run, 100_000)
    assert film is not None
    assert (film.steps, film.real, film.sources) == ([1, 2, 3], False, True)
    strip = np.array(shown(film.uri))[..., 0]
    side = (strip.shape[0] - 3) // 4
    assert strip.shape[1] == 4 * side + 3 * 2 + 6
    middles = [side // 2, side // 2 + side + 8, side // 2 + 2 * side + 10, side // 2 + 3 * side + 12]
    for row in range(4):
        line = strip[row * (side + 1) + side // 2]
        assert [int(line[x]) for x in middles] == pytest.approx([10, 35, 45, 55], abs=1)


@pytest.mark.parametrize("count", [1, 2, 8, 9, 30, 1000])
def test_thinning_keeps_the_ends_and_favours_the_beginning(count: int) -> None:
    steps = list(range(10, 10 * count + 1, 10))
    chosen = pictures.thinned(steps, 8)
    assert len(chosen) == min(count, 8)
    assert chosen == sorted(set(chosen))
    assert {chosen[0], chosen[-1]} == {steps[0], steps[-1]}
    if count > 16:
        assert chosen[4] < steps[count // 2]


@pytest.mark.parametrize("budget", [2_000, 20_000, 200_000])
def test_pictures_fit_their_budget(budget: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    uri = pictures.uri(Image.fromarray(noise), budget)
    assert len(base64.b64decode(uri.partition(",")[2])) <= budget


def test_nothing_to_see(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", {"model": "gan"}, {})
    (run.path / "samples" / "step_00000001.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    assert pictures.film(run, 1000) is None
    assert pictures.last(run, 1000) is None
