"""`gan-sample RUN --from FOLDER`: every picture of a folder, translated."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps
from tqdm import tqdm

from gan_experiments.data import Data, pictures
from gan_experiments.data.transforms import Pixels, resize
from gan_experiments.errors import RunError, UserError
from gan_experiments.training.evaluation import facing
from gan_experiments.training.recorder import to_uint8
from gan_experiments.training.restore import Restored
from gan_experiments.types import ImageShape

OWN = "data"  # in place of a folder: the run's own test images
WHITE = 65535  # of pictures with more than 8 bits per channel


@dataclass
class Translator:
    """One direction of a trained model, for pictures of any size; each has the noise of `seed`, whatever is beside it."""

    restored: Restored
    direction: str
    seed: int

    @property
    def shape(self) -> ImageShape:
        """Of the images that it takes."""
        target, source = self.restored.shape, self.restored.shape.source
        assert source is not None
        return target if self.direction == "b_to_a" else source

    def __call__(self, pixels: Pixels) -> Image.Image:
        """A translation with the proportions of the picture uint8 (c, h, w), its shorter side as in training.

        The whole picture is resized to the square that the model was trained on, and what comes out back again.
        """
        height, width = pixels.shape[1:]
        square = resize(pixels[None], self.shape.size)
        inputs = self.restored.feed(self.seed, sources=square).take(1)
        image = to_uint8(self.restored.generate(inputs, self.direction))[0].permute(1, 2, 0).squeeze(2)
        scale = image.shape[0] / min(height, width)
        return Image.fromarray(image.numpy()).resize(
            (round(width * scale), round(height * scale)), Image.Resampling.BICUBIC
        )


def translate(restored: Restored, arguments: argparse.Namespace) -> None:
    """Write a translation of every picture below `--from` under its own name; prints the folder.

    Raises RunError in the end where there were files that could not be read or written.
    """
    directions = restored.model.translations
    direction = arguments.direction or directions[0]
    if direction not in directions:
        raise UserError(f"--direction {direction}: this model has {' and '.join(directions)}")
    for name in ("grid", "images", "interpolate", "reconstruct", "label"):
        if getattr(arguments, name) is not None:
            raise UserError(
                f"--{name}: this model translates images: gan-sample RUN --from FOLDER --output FOLDER"
            )
    output = arguments.output or _place(restored, f"{direction}_step_{restored.step:08d}")
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: translations go into a folder, and this is a file")
    translator = Translator(restored, direction, arguments.seed)
    if arguments.source in (None, OWN):
        _own(translator, output)
    else:
        _folder(translator, Path(arguments.source).expanduser(), output)
    print(output)


def _place(restored: Restored, name: str) -> Path:
    """A folder among the run's samples, or beside a checkpoint that lies alone."""
    folder = restored.path.parent
    return (folder.parent / "samples" if folder.name == "checkpoints" else folder) / name


def _own(translator: Translator, output: Path) -> None:
    restored = translator.restored
    data: Data = restored.component("data")
    images = data.load(data.splits()[-1], Path(restored.record["config"]["paths"]["data"]))
    sources = facing(images, translator.direction).sources
    assert sources is not None
    names = [f"image_{index:06d}.png" for index in range(len(sources))]
    _check_free(output, names)
    output.mkdir(parents=True, exist_ok=True)
    for name, pixels in zip(_watched(names), sources, strict=True):
        translator(np.array(pixels)).save(output / name)


def _folder(translator: Translator, folder: Path, output: Path) -> None:
    files = [file for file in pictures.under(folder) if output.resolve() not in file.resolve().parents]
    if not files:
        raise UserError(f"--output {output} is the folder that is read: its pictures would be written over")
    _check_free(output, [file.relative_to(folder) for file in files])
    failed = 0
    for file in _watched(files):
        path = output / file.relative_to(folder)
        try:
            image = translator(read(file, translator.shape.channels))
            path.parent.mkdir(parents=True, exist_ok=True)
            _save(image, path)
        except UserError as error:
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
        if (output / name).exists():
            raise UserError(f"{output / name} is there already: name another folder with --output")


def read(file: Path, channels: int) -> Pixels:
    """uint8 (channels, h, w) of a picture as it is seen; raises UserError naming the file.

    What is transparent shows white. More than 8 bits per channel are scaled so that WHITE is white; floating point
    numbers of at most 1 or 255 so that these are.
    """
    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                whites = (1, 255, WHITE) if picture.mode.startswith("F") else (WHITE,)
                picture = Image.fromarray(_bytes(np.asarray(picture, np.float64), whites))
            if picture.has_transparency_data:
                upper = picture.convert("RGBA")
                picture = Image.alpha_composite(Image.new("RGBA", upper.size, "white"), upper)
            pixels = np.array(picture.convert("L" if channels == 1 else "RGB"))
    except Exception as error:  # whatever a decoder raises, it is the file that is bad
        raise UserError(f"{file} cannot be read as an image: {error}") from error
    return cast(Pixels, pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def _bytes(values: NDArray[np.float64], whites: tuple[int, ...]) -> Pixels:
    values = np.nan_to_num(values)
    white = next((white for white in whites if values.max() <= white), WHITE)
    return cast(Pixels, np.rint(values.clip(0, white) * (255 / white)).astype(np.uint8))


def _save(image: Image.Image, path: Path) -> None:
    """Raises UserError naming the file: not every kind of file holds every size."""
    try:
        image.save(path, quality=95)
    except (OSError, ValueError, KeyError) as error:
        path.unlink(missing_ok=True)
        raise UserError(f"{path} cannot be written: {error}") from error
