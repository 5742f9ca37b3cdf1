"""CUT and FastCUT: a translator in one direction, whose patches keep what they show."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.losses.patchnce import patch_nce
from gan_experiments.models.base import Step
from gan_experiments.models.translation import OneWay
from gan_experiments.networks import Network, PatchProjector
from gan_experiments.types import ImageShape


@dataclass
class Cut(OneWay):
    """Park, Efros, Zhang & Zhu, ECCV 2020, equation 4: the discriminator, then the generator and the projector F.

    nce: weight of PatchNCE between a source and its translation. nce_identity: images of the target domain are
    translated too, in the same batch, and the term is the mean of both. temperature, places (of each feature map),
    projector_dim: PatchNCE's. flip: the share of images that are mirrored for the generator, and their features
    mirrored back (FastCUT's flip equivariance).
    """

    nce: float = MISSING
    nce_identity: bool = MISSING
    temperature: float = MISSING
    places: int = MISSING
    projector_dim: int = MISSING
    flip: float = MISSING

    weights = ("nce",)

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("places", "projector_dim"):
            if getattr(self, name) < 1:
                raise UserError(f"model.{name} must be at least 1, not {getattr(self, name)}")
        if self.temperature <= 0:
            raise UserError(f"model.temperature must be above 0, not {self.temperature}")
        if not 0 <= self.flip <= 1:
            raise UserError(f"model.flip must be in [0, 1], not {self.flip}")

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        networks = super().build(network, loss, shape)
        if self.nce:
            if shape.source is None or shape.source.channels != shape.channels:
                raise UserError(
                    "PatchNCE encodes sources and translations with one network: their channels must agree"
                )
            self.projector = PatchProjector(self.generator.feature_channels, self.projector_dim)
            networks["projector"] = self.projector
        return networks

    def trained(self) -> tuple[str, ...]:
        return ("generator", "projector") if self.nce else ("generator",)

    def originals(self, step: Step) -> list[Tensor]:
        """What is translated: sources (n, c, h, w) and, for the identity term, as many targets."""
        sources = step.batch.sources
        assert sources is not None
        return [sources, step.batch.images] if self.nce and self.nce_identity else [sources]

    def mirrored(self, images: Tensor, step: Step) -> Tensor:
        """Images or features with a random `flip` of them mirrored, always the same ones in an iteration."""
        if not self.flip:
            return images
        coins = step.once("coins", lambda: step.noise.uniform(step.batch_size, 1, 1, 1) < self.flip)
        return torch.where(coins.repeat(len(images) // len(coins), 1, 1, 1), images.flip(3), images)

    def outputs(self, step: Step) -> Tensor:
        """G of the originals, the same for both phases."""
        return step.once("outputs", lambda: self.translate(step))

    def translate(self, step: Step) -> Tensor:
        """G of the originals, which also leaves PatchNCE's keys, the generator's features of them."""
        batches = self.originals(step)
        originals = torch.cat(batches)
        maps = self.generator.encode(self.mirrored(originals, step))
        if self.flip:
            with torch.no_grad():
                keys = self.generator.features(originals)
        else:
            keys = maps[: len(self.generator.feature_channels)]
        step.shared.update({f"key/{index}": key.detach() for index, key in enumerate(keys)})
        return self.generator.decode(maps, self.noise(self.generator, step.noise, *batches))

    def fakes(self, step: Step) -> Tensor:
        return self.outputs(step)[: step.batch_size]

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        losses = super().generator_loss(step)
        if self.nce:
            errors = self.nce * self.errors(step)
            parts = errors.view(-1, step.batch_size).mean(1) / (len(errors) // step.batch_size)
            losses |= dict(zip(("nce", "nce_identity"), parts, strict=False))
        return losses

    def errors(self, step: Step) -> Tensor:
        """PatchNCE between each original and its translation, the mean over layers."""
        features = self.generator.features(self.outputs(step))
        maps = [self.mirrored(part, step) for part in features]
        places = [self.chosen(part, step) for part in maps]
        with torch.no_grad():
            keys = self.projector([step.shared[f"key/{index}"] for index in range(len(maps))], places)
        queries = self.projector(maps, places)
        layers = [patch_nce(q, k, self.temperature) for q, k in zip(queries, keys, strict=True)]
        return torch.stack(layers).mean(0)

    def chosen(self, features: Tensor, step: Step) -> Tensor:
        """Random places (n, p) of maps (n, c, h, w)."""
        area, batches = features[0, 0].numel(), len(self.originals(step))
        draws = torch.cat([step.noise.uniform(step.batch_size, area) for _ in range(batches)])
        return draws.topk(min(self.places, area), dim=1).indices
