"""What a run shows of itself: samples from the same inputs at every turn, and how separable the scores are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.config import Config
from gan_experiments.data import ImageSet
from gan_experiments.data.transforms import Pixels, to_float
from gan_experiments.models import LatentModel, Model
from gan_experiments.training import separability
from gan_experiments.training.evaluation import facing
from gan_experiments.training.recorder import NullRecorder
from gan_experiments.training.sampler import Sampler
from gan_experiments.training.views import View, view
from gan_experiments.types import Inputs

SCORED = 2000  # real and generated images of the separability figure
CHUNK = 250  # of them at a time
TRANSLATED = 8  # images of each domain in a translator's picture
STREAMS = {"grid": 2_000_003, "scored": 3_000_017}  # offsets of the random streams


class NoPictures:
    """What ranks other than the first draw."""

    def start(self) -> None:
        pass

    def draw(self, step: int) -> None:
        pass


class Pictures(NoPictures):
    """Pictures of a model: `averaged` samples what is shown, `live` what the discriminator is fighting now.

    real: training images; translated: those that a translator is shown on.
    """

    def __init__(
        self,
        recorder: NullRecorder,
        view: View,
        averaged: Sampler,
        live: Sampler,
        real: ImageSet,
        translated: ImageSet,
        seed: int,
    ) -> None:
        self.recorder, self.view, self.averaged, self.live = recorder, view, averaged, live
        self.real, self.translated, self.seed = real, translated, seed
        self.model: Model = averaged.model

    @classmethod
    def of(
        cls,
        config: Config,
        recorder: NullRecorder,
        sampler: Sampler,
        networks: dict[str, nn.Module],
        real: ImageSet,
        translated: ImageSet,
    ) -> Pictures:
        """Those of a run, by its settings; `networks`: the ones that are trained."""
        model, device = sampler.model, sampler.device
        return cls(
            recorder,
            view(config.data.shape, lambda count: pixels(real, count, device)),
            sampler,
            Sampler(model, networks, config.gpu, device),
            real,
            translated,
            config.seed,
        )

    def start(self) -> None:
        """What the samples shall look like."""
        self.recorder.picture("real", 0, self.view.picture(self._images(self.view.count)))

    def draw(self, step: int) -> None:
        """Everything that there is to see after `step` updates."""
        if isinstance(self.model, LatentModel):
            self._samples(step, self.model)
            self._reconstructions(step)
            self._separability(step)
        else:
            self._translations(step)

    def _samples(self, step: int, model: LatentModel) -> None:
        inputs = model.feed(self.seed + STREAMS["grid"], self.averaged.device).take(self.view.count)
        samples = self.averaged(model.ordered(inputs))
        picture = self.view.picture(samples, self.live.scores)
        self.recorder.picture("samples/fixed_latents", step, picture, file="step")

    def _reconstructions(self, step: int) -> None:
        images = self._images(self.view.panel_count)
        if panels := self.averaged.panels(Inputs(images=images)):
            self.recorder.picture(
                "samples/reconstructions", step, self.view.panels(panels), file="reconstructions"
            )

    def _translations(self, step: int) -> None:
        pictures = [self._translation(direction) for direction in self.model.translations]
        width = max(picture.shape[2] for picture in pictures)
        below = [F.pad(picture, (0, width - picture.shape[2])) for picture in pictures]
        self.recorder.picture("samples/translations", step, torch.cat(below, dim=1), file="step")

    def _translation(self, direction: str) -> Tensor:
        """Columns: source, output, what else the model shows, and the target where there are pairs."""
        images = facing(self.translated, direction)
        sources = middles(images.swapped(), TRANSLATED)
        inputs = self.model.feed(self.seed, self.averaged.device, sources).take(len(sources))
        panels = self.averaged.panels(inputs, direction)
        if images.paired:
            panels["target"] = pixels(images, len(sources), self.averaged.device)
        return self.view.panels(panels)

    def _separability(self, step: int) -> None:
        count = min(SCORED, len(self.real))
        true = self._scores(torch.split(self._images(count), CHUNK))
        if true is None:
            return
        feed = self.model.feed(self.seed + STREAMS["scored"], self.live.device)
        fake = self._scores([self.live(inputs) for inputs in feed.take(count).split(CHUNK)])
        assert fake is not None
        violation, gap = separability.separability(true, fake)
        self.recorder.scalars(step, {"separability/violation": violation, "separability/gap": gap})
        self.recorder.figure("separability", step, separability.figure(true, fake, step))

    def _scores(self, parts: Any) -> Tensor | None:
        scores = [self.live.scores(images) for images in parts]
        return None if scores[0] is None else torch.cat([part for part in scores if part is not None])

    def _images(self, count: int) -> Tensor:
        """The first real images as training sees them, without moving the loader."""
        return pixels(self.real, count, self.averaged.device)


def middles(images: ImageSet, count: int) -> Pixels:
    """The first `count` images at most, as stored, without the margin that training's crops are taken from."""
    (first,) = images.pieces(np.arange(min(count, len(images))))
    return first


def pixels(images: ImageSet, count: int, device: torch.device) -> Tensor:
    """The same as float in [-1, 1] on `device`; points as they are."""
    return to_float(torch.tensor(middles(images, count), device=device))
