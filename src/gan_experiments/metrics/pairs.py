"""How close outputs are to the images that they should be: for translation with pairs."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments.metrics.features import to_uint8
from gan_experiments.metrics.ssim import ssim

BATCH = 32  # pairs at a time


def figures(outputs: Tensor, targets: Tensor) -> dict[str, float]:
    """Means over pairs (n, c, h, w), uint8 or float in [-1, 1]: `l1`, `psnr` in dB, `ssim`.

    l1: mean absolute difference of pixels in [-1, 1], as pix2pix's loss has it (Isola et al. 2017), after rounding
    to bytes. psnr: 10 log10(255^2 / mean squared difference), of each pair; an equal pair counts as 100 dB. ssim:
    Wang et al. 2004, Gaussian window of 11 pixels, mean over channels.
    """
    parts = []
    for some in zip(torch.split(outputs, BATCH), torch.split(targets, BATCH), strict=True):
        output, target = (to_uint8(images)[0].double() for images in some)
        difference = output - target
        error = difference.square().flatten(1).mean(1)
        count = torch.arange(len(output))
        similarity = ssim(
            torch.cat([output, target]).float(), torch.stack([count, count + len(output)], 1), luminance=True
        )
        parts.append(
            torch.stack(
                [
                    difference.abs().flatten(1).mean(1) / 127.5,
                    (10 * torch.log10(255**2 / error)).clamp(max=100),
                    similarity.double(),
                ],
                dim=1,
            )
        )
    means = torch.cat(parts).mean(0)
    return dict(zip(("l1", "psnr", "ssim"), means.tolist(), strict=True))
