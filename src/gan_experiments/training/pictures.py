"""What a run shows of itself: samples from the same inputs at every turn, and how separable the scores are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_experiments.config import Config
from gan_experiments.data import ImageSet
from gan_experiments.data.transforms import to_float
from gan_experiments.models import LatentModel, Model
from gan_experiments.training import separability
from gan_experiments.training.recorder import NullRecorder
from gan_experiments.training.sampler import Sampler
from gan_experiments.training.views import View, view
from gan_experiments.types import Inputs

SCORED = 2000  # real and generated images of the separability figure
CHUNK = 250  # of them at a time
TRANSLATED = 8  # held-out images of each domain in a translator's picture
STREAMS = {"grid": 2_000_003, "scored": 3_000_017}  # offsets of the random streams


class NoPictures:
    """What ranks other than the first draw."""

    def start(self) -> None:
        pass

    def draw(self, step: int) -> None:
        pass


class Pictures(NoPictures):
    """Pictures of a model: `averaged` samples what is shown, `live` what the discriminator is fighting now.

    real: training images; held_out: those that a translator is shown on, `paired` with their targets or not.
    """

    def __init__(
        self,
        recorder: NullRecorder,
        view: View,
        averaged: Sampler,
        live: Sampler,
        real: ImageSet,
        held_out: ImageSet,
        paired: bool,
        seed: int,
    ) -> None:
        self.recorder, self.view, self.averaged, self.live = recorder, view, averaged, live
        self.real, self.held_out, self.paired, self.seed = real, held_out, paired, seed
        self.model: Model = averaged.model

    @classmethod
    def of(
        cls,
        config: Config,
        recorder: NullRecorder,
        sampler: Sampler,
        networks: dict[str, nn.Module],
        real: ImageSet,
    ) -> Pictures:
        """Those of a run, by its settings; `networks`: the ones that are trained."""
        data, model, device = config.data, sampler.model, sampler.device
        examples = to_float(torch.from_numpy(real.images[:2000].copy()).to(device))
        translates = "sources" in model.needs and "test" in data.splits()
        return cls(
            recorder,
            view(data.shape, lambda count: examples[:count]),
            sampler,
            Sampler(model, networks, config.gpu, device),
            real,
            data.load("test", Path(config.paths.data)) if translates else real,
            data.paired,
            config.seed,
        )

    def start(self) -> None:
        """What the samples shall look like."""
        self.recorder.picture("real", 0, self.view.picture(self._images(self.view.shown)))

    def draw(self, step: int) -> None:
        """Everything that there is to see after `step` updates."""
        if isinstance(self.model, LatentModel):
            self._samples(step, self.model)
            self._reconstructions(step)
            self._separability(step)
        else:
            self._translations(step)

    def _samples(self, step: int, model: LatentModel) -> None:
        inputs = model.feed(self.seed + STREAMS["grid"], self.averaged.device).take(self.view.shown)
        samples = self.averaged(model.ordered(inputs))
        picture = self.view.picture(samples, self.live.scores)
        self.recorder.picture("samples/fixed_latents", step, picture, file="step")

    def _reconstructions(self, step: int) -> None:
        images = self._images(self.view.shown_panels)
        if panels := self.averaged.panels(Inputs(images=images)):
            self.recorder.picture(
                "samples/reconstructions", step, self.view.panels(panels), file="reconstructions"
            )

    def _translations(self, step: int) -> None:
        sets = {"a_to_b": self.held_out, "b_to_a": self.held_out.swapped()}
        pictures = [self._translation(name, sets[name]) for name in self.model.translations]
        self.recorder.picture("samples/translations", step, torch.cat(pictures, dim=1), file="step")

    def _translation(self, direction: str, held_out: ImageSet) -> Tensor:
        feed = self.model.feed(self.seed, self.averaged.device, held_out.sources)
        inputs = feed.take(min(TRANSLATED, feed.length or TRANSLATED))
        panels = self.averaged.panels(inputs, direction)
        if self.paired:
            panels["target"] = to_float(torch.tensor(held_out.images[: len(inputs)]))
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
        return to_float(torch.from_numpy(self.real.images[:count].copy()).to(self.averaged.device))
