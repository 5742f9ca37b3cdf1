"""Images side by side as one picture."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from PIL import Image
from torch import Tensor

WIDTH = 512  # pixels that a picture has at least
SEAM = 2  # pixels between images
GREY = 0.5  # of the seams: seen beside black and beside white


def grid(images: Tensor, columns: int | None = None) -> Tensor:
    """A picture (3, H, W) in [0, 1] of images (n, c, h, w) in [-1, 1], near-square where `columns` is not given.

    Pixels are repeated until it is WIDTH wide; grey is shown as grey.
    """
    columns = min(columns or math.ceil(math.sqrt(len(images))), len(images))
    scale = max(1, math.ceil(((WIDTH - SEAM) / columns - SEAM) / images.shape[3]))
    large = (images.detach().float().cpu() / 2 + 0.5).clamp(0, 1)
    large = large.repeat_interleave(scale, 2).repeat_interleave(scale, 3)
    height, width = (side + SEAM for side in large.shape[2:])
    picture = torch.full((3, math.ceil(len(images) / columns) * height + SEAM, columns * width + SEAM), GREY)
    for index, image in enumerate(large):
        top, left = SEAM + index // columns * height, SEAM + index % columns * width
        picture[:, top : top + height - SEAM, left : left + width - SEAM] = image
    return picture


def panels_grid(panels: Mapping[str, Tensor]) -> Tensor:
    """The same with the panels' images (n, c, h, w) side by side, a row of them for every image."""
    images = [panel.float().cpu() for panel in panels.values()]
    colour = max(panel.shape[1] for panel in images)
    rows = torch.stack([panel.expand(-1, colour, -1, -1) for panel in images], dim=1).flatten(0, 1)
    across = max(1, round(math.sqrt(len(rows)) / len(images)))
    return grid(rows, across * len(images))


def to_uint8(images: Tensor) -> Tensor:
    """Images in [-1, 1] as bytes: round(127.5 x + 127.5), clamped (what a PNG of them would hold)."""
    return (images.float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)


def to_image(pixels: Tensor) -> Image.Image:
    """Bytes (c, h, w), or a picture (3, h, w) in [0, 1], as an image of Pillow's."""
    if pixels.is_floating_point():
        pixels = (pixels * 255 + 0.5).clamp(0, 255).to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).squeeze(2).numpy())
