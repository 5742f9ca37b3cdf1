"""Trained models as a library: what `gan-sample`, `gan-eval` and `gan-export` are built on.

model = gan_experiments.load("outputs/acgan-mnist/RUN")
images = model.sample(16, label=3)
model.grid(64).save("grid.png")
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from gan_experiments import grids
from gan_experiments.data import Data, ImageSet, pictures
from gan_experiments.data.transforms import Pixels, resize, to_float
from gan_experiments.errors import UserError
from gan_experiments.metrics import Several, memorised
from gan_experiments.metrics.evaluator import FeatureMetrics
from gan_experiments.metrics.features import Extraction
from gan_experiments.models import LatentModel
from gan_experiments.models.autoencoder import Encoding
from gan_experiments.runs import locate
from gan_experiments.training.device import device_of
from gan_experiments.training.restore import Restored
from gan_experiments.types import ImageShape, Inputs

BATCH = 256  # images at a time


def load(
    run: str | os.PathLike[str],
    checkpoint: str | int = "last",
    *,
    device: str = "cpu",
    modules: Iterable[str] = (),
) -> TrainedModel:
    """The model of a run's folder or a checkpoint file, without its data.

    checkpoint: of a run `last`, `best` or a step. modules: those of your own that the checkpoint may import. Raises
    UserError where there is none, where it is damaged, or where it names a module that is not in `modules`.
    """
    return TrainedModel(locate(Path(run).expanduser(), str(checkpoint)), device_of(device), modules)


class TrainedModel(Restored):
    """A trained model: samples, walks between them, codes and translations; averaged weights where there are any.

    step, images_seen: how far it was trained. shape: of its images. record: its run's settings. networks: by name.
    Images are float32 (n, c, h, w) in [-1, 1] on the CPU; points (n, d, 1, 1) in their own units. A seed gives an
    endless stream of images: fewer are the first of more, up to rounding.
    """

    def sample(self, count: int = 64, label: int | str | None = None, seed: int = 0) -> Tensor:
        """`count` images; `label`: of this class only, by number or name, where the model is told classes.

        Raises UserError where there is no such class, or the model translates images.
        """
        return torch.cat(list(self.batches(count, label, seed)))

    def batches(self, count: int, label: int | str | None = None, seed: int = 0) -> Iterator[Tensor]:
        """The same, BATCH at a time."""
        self._latent_model()
        feed = self.feed(seed, label)
        for start in range(0, count, BATCH):
            yield self.generate(feed.take(min(BATCH, count - start)))

    def grid(self, count: int = 64, label: int | str | None = None, seed: int = 0) -> Image.Image:
        """A picture of `count` images, with the classes in order where the model is told them and none is asked for."""
        model, inputs = self._latent_model(), self.feed(seed, label).take(count)
        return picture(self.generate(inputs if label is not None else model.ordered(inputs)))

    def interpolate(
        self,
        rows: int,
        steps: int = 10,
        label: int | str | None = None,
        seed: int = 0,
        images: Tensor | None = None,
    ) -> Tensor:
        """Images (rows * steps, c, h, w): each row a great-circle walk from one latent to another.

        images: real ones, 2 * rows of them, whose codes the walks go between: from the first half to the second.
        """
        ends = self.feed(seed, label).take(2 * rows) if images is None else self.encode(images)
        return self.generate(self.between(ends[slice(0, rows)], ends[slice(rows, 2 * rows)], steps))

    def between(self, starts: Inputs, ends: Inputs, steps: int) -> Inputs:
        """What the generator is given on the ways from `starts` to `ends` (n of each), n * steps rows, way by way."""
        model = self._latent_model()
        weights = torch.linspace(0, 1, steps, device=self.device)[:, None].repeat(len(starts), 1)
        return model.between(starts.repeated(steps), ends.repeated(steps), weights)

    def walk(
        self,
        count: int = 16,
        corners: int = 6,
        steps: int = 10,
        label: int | str | None = None,
        seed: int = 0,
    ) -> Iterator[Tensor]:
        """Frames (count, c, h, w), corners * steps of them: as many walks that end where they began.

        Each goes through `corners` latents and keeps its class.
        """
        model, feed = self._latent_model(), self.feed(seed, label)
        first = feed.take(count) if label is not None else model.ordered(feed.take(count))
        stops = [replace(feed.take(count), labels=first.labels) for _ in range(corners - 1)]
        for start, end in zip([first, *stops], [*stops, first], strict=True):
            for weight in torch.arange(steps, device=self.device) / steps:
                yield self.generate(model.between(start, end, weight.expand(count, 1)))

    def encode(self, images: Tensor) -> Inputs:
        """The latents of images (n, c, h, w); raises UserError for a model that cannot encode."""
        with torch.no_grad():
            return self._encoding().encode(self.networks, images.to(self.device))

    def reconstruct(self, images: Tensor) -> Tensor:
        """What becomes of images (n, c, h, w), encoded and decoded; raises UserError for a model that cannot encode."""
        self._encoding()
        panels = self.sampler.panels(Inputs(images=images.to(self.device)))
        return panels["reconstruction"].cpu()

    def translate(self, source: Image.Image | Pixels, direction: str = "", seed: int = 0) -> Image.Image:
        """A translation with the proportions of `source`, of any size, its shorter side as in training.

        The whole of it is resized to the square that the model was trained on, and what comes out back again.
        direction: of a model that translates both ways, a_to_b or b_to_a. seed: of the noise. Raises UserError where
        the model does not translate, or has no such direction.
        """
        shape = self.source_shape(direction)
        pixels = source if isinstance(source, np.ndarray) else pictures.planes(source, shape.channels)
        height, width = pixels.shape[1:]
        inputs = self.feed(seed, sources=resize(pixels[None], shape.size)).take(1)
        image = grids.to_uint8(self.generate(inputs, direction))[0]
        scale = image.shape[1] / min(height, width)
        size = round(width * scale), round(height * scale)
        return grids.to_image(image).resize(size, Image.Resampling.BICUBIC)

    def source_shape(self, direction: str = "") -> ImageShape:
        """Of the images that it translates; raises UserError where it translates none, or not in that direction."""
        directions = self.model.translations
        if self.shape.source is None:
            raise UserError("this model does not translate images")
        if direction not in ("", *directions):
            raise UserError(f"there is no direction '{direction}': this model has {' and '.join(directions)}")
        return self.shape if direction == "b_to_a" else self.shape.source

    def real_images(self, count: int, folder: str | os.PathLike[str] | None = None) -> Tensor:
        """`count` real images fitted to the model: the first of a folder, or of the test split of the run's own data.

        Raises UserError where there are fewer.
        """
        if folder is None:
            pixels = self.data("test").images[:count]
        else:
            fit = pictures.Fit(self.shape.channels, self.shape.size)
            files = pictures.under(Path(folder).expanduser())[:count]
            pixels = np.stack([fit.decode(file.read_bytes(), str(file)) for file in files])
        if len(pixels) < count:
            raise UserError(f"{folder or 'data'} has {len(pixels)} images, and this takes {count}")
        return to_float(torch.from_numpy(np.array(pixels)))

    def neighbours(self, images: Tensor) -> Tensor:
        """The nearest real training images (n, 5, c, h, w) of images, nearest first.

        Near over the feature network that its run was measured with. Raises UserError where there was none.
        """
        metrics = self.component("metrics")
        metrics = next(iter(metrics.parts.values())) if isinstance(metrics, Several) else metrics
        if not isinstance(metrics, FeatureMetrics):
            raise UserError(
                "this model was not measured over a feature network, which says what is near: "
                "gan-eval RUN metrics=NAME draws neighbours over any"
            )
        metrics.check(self.paths_data)
        real = metrics.evaluator(self.data("train"), self.device, None, self.paths_data).real
        extraction = Extraction(real.extractor)
        extraction.add(images.to(self.device))
        features = extraction.features()
        assert features is not None
        places = real.rows[memorised.find(features, real).places]
        near = [torch.from_numpy(piece) for piece in real.images.pieces(places.flatten().numpy())]
        return to_float(torch.cat(near)).view(*places.shape, *images.shape[1:])

    @property
    def paths_data(self) -> Path:
        """Where its data lay when it was trained."""
        return Path(self.record["config"]["paths"]["data"])

    def data(self, split: str) -> ImageSet:
        """A split of the data that it was trained on, where it lay then; of data without a test split the training one."""
        data: Data = self.component("data")
        there = split if split in data.splits() else data.splits()[-1]
        return data.load(there, self.paths_data)

    def _latent_model(self) -> LatentModel:
        if not isinstance(self.model, LatentModel):
            raise UserError("this model translates images, and draws none from latents")
        return self.model

    def _encoding(self) -> Encoding:
        if not isinstance(self.model, Encoding) or not self.shape.bounded:
            raise UserError(
                "this model cannot encode images; vae, aae, vaegan, alphagan, veegan, gngan, ... can"
            )
        return self.model


def picture(images: Tensor, columns: int | None = None) -> Image.Image:
    """Images (n, c, h, w) in [-1, 1] side by side, near-square where `columns` is not given."""
    return grids.to_image(grids.grid(images, columns))
