"""`gan-sample RUN --from FOLDER`: every picture of a folder, translated."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from gan_experiments import reading
from gan_experiments.api import TrainedModel
from gan_experiments.data import pictures
from gan_experiments.data.transforms import Pixels
from gan_experiments.errors import RunError, UserError
from gan_experiments.runs import place
from gan_experiments.training.evaluation import facing
from gan_experiments.writing import writing

Draw = Callable[[Pixels], Image.Image]
"""A translation of uint8 (c, h, w)."""

WHITE = 65535  # of pictures with more than 8 bits per channel


def translate(model: TrainedModel, source: str | None, arguments: argparse.Namespace) -> None:
    """Write a translation of every picture below the folder `source`, or of the run's own test images; prints where.

    Raises RunError in the end where there were files that could not be read or written.
    """
    direction = arguments.direction or model.model.translations[0]
    model.source_shape(direction)
    output = arguments.output or place(model.path, "samples", f"{direction}_step_{model.step:08d}")
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: translations go into a folder, and this is a file")
    draw = partial(model.translate, direction=direction, seed=arguments.seed)
    if source is None:
        _own(draw, facing(model.data("test"), direction).sources, output)
    else:
        channels = model.source_shape(direction).channels
        _folder(draw, channels, Path(source).expanduser(), output)
    print(output)


def _own(draw: Draw, sources: Pixels | None, output: Path) -> None:
    assert sources is not None
    names = [f"image_{index:06d}.png" for index in range(len(sources))]
    _check_free(output, names)
    for name, source in zip(_watched(names), sources, strict=True):
        with writing(output / name) as file:
            draw(np.array(source)).save(file)


def _folder(draw: Draw, channels: int, folder: Path, output: Path) -> None:
    files = [file for file in pictures.under(folder) if output.resolve() not in file.resolve().parents]
    if not files:
        raise UserError(f"--output {output} is the folder that is read: its pictures would be written over")
    _check_free(output, [file.relative_to(folder) for file in files])
    failed = 0
    for file in _watched(files):
        path = output / file.relative_to(folder)
        try:
            image = draw(read(file, channels))
            _save(image, path)
        except (UserError, RunError, OSError) as error:
            failed += 1
            tqdm.write(f"gan-sample: {error}", file=sys.stderr)
    if failed:
        raise RunError(
            f"{failed} of {len(files)} files could not be translated"
            + (f"; the others are in {output}" if failed < len(files) else "")
        )


def _watched(items: Sequence[object]) -> tqdm[object]:
    return tqdm(items, unit="image", leave=False, disable=None)


def _check_free(output: Path, names: Sequence[Path | str]) -> None:
    """Raise UserError where a file that is to be written is there already."""
    for name in names:
        if os.path.lexists(output / name):
            raise UserError(f"{output / name} is there already: name another folder with --output")


def read(file: Path, channels: int) -> Pixels:
    """uint8 (channels, h, w) of a picture as it is seen; raises UserError naming the file.

    What is transparent shows white. More than 8 bits per channel are scaled so that WHITE is white; floating point
    numbers of at most 1 or 255 so that these are.
    """
    with reading.regular(file) as opened:
        content = opened.read()
    with pictures.opened(content, str(file)) as picture:
        white = WHITE
        if picture.mode.startswith("F"):
            brightest = np.asarray(picture).max()
            white = next((white for white in (1, 255) if brightest <= white), WHITE)
        return pictures.planes(picture, channels, scale=white)


def _save(image: Image.Image, path: Path) -> None:
    """Raises UserError naming the file: not every kind of file holds every size."""
    try:
        with writing(path) as file:
            image.save(file, quality=95)
    except (ValueError, KeyError) as error:
        raise UserError(f"{path} cannot be written: {error}") from error
