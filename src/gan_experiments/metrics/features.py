"""One pass of a fixed network over images: what every metric is computed from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

CPU = torch.device("cpu")


@dataclass
class Extractor:
    """A network that takes uint8 images (n, c, h, w) to features (n, d) and logits (n, classes).

    `protocol` says what stands behind the figures: the network, its weights, how images are resized.
    """

    network: nn.Module
    protocol: dict[str, Any]
    device: torch.device = CPU

    def on(self, device: torch.device) -> Extractor:
        """The same in evaluation mode on `device`."""
        network = self.network.to(device).eval().requires_grad_(False)
        return Extractor(network, self.protocol, device)


@dataclass
class Features:
    """Features (n, d) and logits (n, classes) of n images, float32 on the CPU.

    `non_finite` counts the images whose pixels or features are not finite numbers; their rows are left out.
    """

    pooled: Tensor
    logits: Tensor
    non_finite: int = field(default=0)

    def __len__(self) -> int:
        return len(self.pooled)


@contextmanager
def exact(device: torch.device) -> Iterator[None]:
    """Plain float32: no gradients, no autocast, no TF32 or bfloat16 inside products, no autotuning."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    cudnn = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    try:
        with torch.no_grad(), torch.autocast(device.type, enabled=False), cudnn:
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def to_uint8(images: Tensor) -> tuple[Tensor, Tensor]:
    """Images as uint8, and a mask (n,) of those whose pixels are all finite.

    Floats in [-1, 1] become `(x * 127.5 + 128).clamp(0, 255)`, the rounding of the StyleGAN evaluations.
    """
    if images.dtype == torch.uint8:
        return images, torch.ones(len(images), dtype=torch.bool, device=images.device)
    finite = images.isfinite().flatten(1).all(1)
    x = images.float().nan_to_num(0.0)
    return (x * 127.5 + 128).clamp(0, 255).to(torch.uint8), finite


def extract(extractor: Extractor, batches: Iterable[Tensor]) -> Features:
    """Features of all images in `batches` (see base.Sampler for what a batch may be)."""
    pooled, logits, count = [], [], 0
    for batch in batches:
        with exact(extractor.device):
            images, finite = to_uint8(batch.to(extractor.device))
            # With one channel, strides that mean the same choose another convolution and other last digits.
            images = images.clone(memory_format=torch.contiguous_format)
            features, scores = (output.float() for output in extractor.network(images))
            finite &= features.isfinite().all(1) & scores.isfinite().all(1)
            count += int((~finite).sum())
            pooled.append(features[finite].cpu())
            logits.append(scores[finite].cpu())
    return Features(torch.cat(pooled), torch.cat(logits), count)
