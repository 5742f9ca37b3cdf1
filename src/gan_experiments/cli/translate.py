"""`gan-sample RUN --from FOLDER`: every picture of a folder, translated."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from gan_experiments.data import Data, pictures
from gan_experiments.data.transforms import Pixels, resize, to_float
from gan_experiments.errors import RunError, UserError
from gan_experiments.models.translation import TranslationModel
from gan_experiments.noise import Noise
from gan_experiments.training.recorder import to_uint8
from gan_experiments.training.restore import Restored
from gan_experiments.types import ImageShape

OWN = "data"  # in place of a folder: the run's own test images


@dataclass
class Translator:
    """One direction of a trained model, for pictures of any size."""

    restored: Restored
    direction: str
    seed: int

    @property
    def shape(self) -> ImageShape:
        """Of the images that it takes."""
        target, source = self.restored.shape, self.restored.shape.source
        assert source is not None
        return source if self.direction == "a_to_b" else target

    def __call__(self, pixels: Pixels) -> Image.Image:
        """A translation with the proportions of the picture uint8 (c, h, w), its shorter side as in training.

        The whole picture is resized to the square that the model was trained on, and what comes out back again.
        """
        model = self.restored.model
        assert isinstance(model, TranslationModel)
        height, width = pixels.shape[1:]
        square = to_float(torch.from_numpy(resize(pixels[None], self.shape.size)).to(self.restored.device))
        inputs = model.inputs(square, Noise(self.seed, self.restored.device, split=False))
        image = to_uint8(self.restored.generate(inputs, self.direction))[0].permute(1, 2, 0).squeeze(2)
        scale = image.shape[0] / min(height, width)
        return Image.fromarray(image.numpy()).resize(
            (round(width * scale), round(height * scale)), Image.Resampling.BICUBIC
        )


def translate(restored: Restored, arguments: argparse.Namespace) -> None:
    """Write a translation of every picture below `--from` under its own name; prints the folder.

    Raises RunError in the end where there were files that could not be read.
    """
    directions = restored.model.translations
    direction = arguments.direction or directions[0]
    if direction not in directions:
        raise UserError(f"--direction {direction}: this model has {' and '.join(directions)}")
    if arguments.grid or arguments.images or arguments.interpolate or arguments.reconstruct:
        raise UserError("this model translates images: gan-sample RUN --from FOLDER --output FOLDER")
    name = f"{direction}_step_{restored.step:08d}"
    output: Path = arguments.output or arguments.run.parent / name
    if arguments.output is None and restored.path.parent.name == "checkpoints":
        output = restored.path.parent.parent / "samples" / name
    if output.exists() and not output.is_dir():
        raise UserError(f"--output {output}: translations go into a folder, and this is a file")
    translator = Translator(restored, direction, arguments.seed)
    if arguments.source in (None, OWN):
        _own(translator, output)
    else:
        _folder(translator, Path(arguments.source).expanduser(), output)
    print(output)


def _own(translator: Translator, output: Path) -> None:
    restored = translator.restored
    data: Data = restored.component("data")
    images = data.load(data.splits()[-1], Path(restored.record["config"]["paths"]["data"]))
    sources = images.sources if translator.direction == "a_to_b" else images.images
    assert sources is not None
    output.mkdir(parents=True, exist_ok=True)
    for index, pixels in enumerate(tqdm(sources, unit="image", leave=False, disable=None)):
        translator(np.array(pixels)).save(output / f"image_{index:06d}.png")


def _folder(translator: Translator, folder: Path, output: Path) -> None:
    if output.resolve() == folder.resolve():
        raise UserError(f"--output {output} is the folder that is read: its pictures would be written over")
    unreadable = 0
    files = pictures.under(folder)
    for file in tqdm(files, unit="image", leave=False, disable=None):
        try:
            pixels = pictures.decode(file.read_bytes(), str(file), translator.shape.channels)
        except (UserError, OSError) as error:
            unreadable += 1
            print(f"gan-sample: {error}", file=sys.stderr)
            continue
        path = output / file.relative_to(folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        translator(pixels).save(path, quality=95)
    if unreadable:
        raise RunError(f"{unreadable} of {len(files)} files could not be read; the others are in {output}")
