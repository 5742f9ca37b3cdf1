"""Real images through a trained model's encoder: beside their reconstructions, or as the ends of walks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from omegaconf import OmegaConf

from gan_experiments.data import pictures
from gan_experiments.data.transforms import to_float
from gan_experiments.errors import UserError
from gan_experiments.models.autoencoder import Encoding

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
        data = cast("Data", OmegaConf.to_object(restored.settings("data")))
        pixels = data.load(data.splits()[-1], Path(restored.record["config"]["paths"]["data"])).images[:count]
    else:
        fit = pictures.Fit(shape.channels, shape.size)
        files = pictures.under(Path(source).expanduser())[:count]
        pixels = np.stack([fit.decode(file.read_bytes(), str(file)) for file in files])
    if len(pixels) < count:
        raise UserError(f"{source} has {len(pixels)} images, and this takes {count}")
    return to_float(torch.from_numpy(np.array(pixels)).to(restored.device))


@torch.no_grad()
def codes(restored: Restored, images: Tensor) -> Tensor:
    """The latents (n, d) of images (n, c, s, s)."""
    return encoder(restored).encode(restored.networks, images)


def beside_reconstructions(restored: Restored, images: Tensor) -> Tensor:
    """Images (2n, c, s, s) on the CPU: each real one, and what became of it."""
    decoded = restored.generate(codes(restored, images))
    return torch.stack([images.cpu(), decoded], dim=1).flatten(0, 1)
