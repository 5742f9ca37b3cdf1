"""From any picture to uint8 (n, channels, size, size); the same few functions for every data set."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from gan_experiments.errors import UserError

Pixels = NDArray[np.uint8]


def to_channels(images: Pixels, channels: int) -> Pixels:
    """uint8 (n, c, h, w) with `channels` channels: grey is repeated, colour becomes ITU-R 601 luminance."""
    have = images.shape[1]
    if have == channels:
        return images
    if (have, channels) == (1, 3):
        return np.repeat(images, 3, axis=1)
    if (have, channels) == (3, 1):
        red, green, blue = (images[:, c].astype(np.uint32) for c in range(3))
        luminance = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16  # as PIL's convert("L")
        return luminance.astype(np.uint8)[:, None]
    raise UserError(f"images of {have} channels cannot become images of data.channels={channels}")


def to_float(stored: torch.Tensor, layout: torch.memory_format = torch.contiguous_format) -> torch.Tensor:
    """Bytes as float32 in [-1, 1]; points, stored as float32, as they are."""
    if stored.is_floating_point():
        return stored
    return stored.to(torch.float32, memory_format=layout).div_(127.5).sub_(1)


def resize(images: Pixels, size: int, chunk: int = 256) -> Pixels:
    """uint8 (n, c, h, w) resized to (n, c, size, size), bilinear with antialiasing."""
    if images.shape[2:] == (size, size):
        return images
    out = np.empty((*images.shape[:2], size, size), np.uint8)
    for start in range(0, len(images), chunk):
        part = torch.tensor(images[start : start + chunk])
        shrunk = F.interpolate(part, size=(size, size), mode="bilinear", antialias=True)
        out[start : start + chunk] = shrunk.numpy()
    return out


def center_crop(images: Pixels, size: int | None = None) -> Pixels:
    """The middle square of (n, c, h, w): `size` pixels wide, or as large as fits."""
    height, width = images.shape[2:]
    size = min(size or height, height, width)
    top, left = (height - size) // 2, (width - size) // 2
    return images[:, :, top : top + size, left : left + size]
