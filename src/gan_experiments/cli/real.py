"""Real images through a trained model's encoder: beside their reconstructions, or as the ends of walks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from gan_experiments.data import pictures
from gan_experiments.data.transforms import to_float
from gan_experiments.errors import UserError
from gan_experiments.models.autoencoder import Encoding
from gan_experiments.types import Inputs

if TYPE_CHECKING:
    from torch import Tensor

    from gan_experiments.data import Data
    from gan_experiments.training.restore import Restored

OWN = "data"  # in place of a folder: the run's own data set


def encoder(restored: Restored) -> Encoding:
    """The model, if it can encode images; raises UserError."""
    if not isinstance(restored.model, Encoding) or not restored.shape.bounded:
        raise UserError("this model cannot encode images; vae, aae, vaegan, alphagan, veegan, gngan, ... can")
    return restored.model


def real_images(restored: Restored, source: str, count: int) -> Tensor:
    """`count` images (n, c, s, s) in [-1, 1], fitted to the model: a folder's first, or the run's own test split's."""
    shape = restored.shape
    if source == OWN:
        data: Data = restored.component("data")
        pixels = data.load(data.splits()[-1], Path(restored.record["config"]["paths"]["data"])).images[:count]
    else:
        fit = pictures.Fit(shape.channels, shape.size)
        files = pictures.under(Path(source).expanduser())[:count]
        pixels = np.stack([fit.decode(file.read_bytes(), str(file)) for file in files])
    if len(pixels) < count:
        raise UserError(f"{source} has {len(pixels)} images, and this takes {count}")
    return to_float(torch.from_numpy(np.array(pixels)).to(restored.device))


def encode(restored: Restored, images: Tensor) -> Inputs:
    """The latents of images (n, c, s, s)."""
    with torch.no_grad():
        return encoder(restored).encode(restored.networks, images)


def panels(restored: Restored, images: Tensor) -> dict[str, Tensor]:
    """The images (n, c, s, s) and what becomes of them, encoded and decoded."""
    encoder(restored)
    return restored.sampler.panels(Inputs(images=images))
