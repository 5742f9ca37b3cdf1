"""One pass of a fixed network over images: what every metric is computed from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gan_experiments import parallel

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
    """Features (n, d) and logits (n, classes; (n, 0) of a network without) of n images, float32 on the CPU.

    `labels` (n,): the classes of the images, where they have one. `first`: the first images, uint8, unless their
    sizes differ, and `first_labels` their classes. `non_finite` counts images whose pixels or features are not
    finite numbers; their rows are left out.
    """

    pooled: Tensor
    logits: Tensor
    labels: Tensor | None = None
    first: Tensor | None = None
    first_labels: Tensor | None = None
    non_finite: int = 0

    @classmethod
    def joined(cls, parts: list[Features], keep: int) -> Features:
        """The features of consecutive parts, with `keep` first images."""
        labels = [part.labels for part in parts if part.labels is not None]
        first = [part.first for part in parts if part.first is not None]
        first_labels = [part.first_labels for part in parts if part.first_labels is not None]
        return cls(
            torch.cat([part.pooled for part in parts]),
            torch.cat([part.logits for part in parts]),
            torch.cat(labels) if labels else None,
            torch.cat(first)[:keep] if len({images.shape[1:] for images in first}) == 1 else None,
            torch.cat(first_labels)[:keep] if first_labels else None,
            sum(part.non_finite for part in parts),
        )

    def __len__(self) -> int:
        return len(self.pooled)

    def __getitem__(self, rows: Tensor) -> Features:
        labels = None if self.labels is None else self.labels[rows]
        return Features(self.pooled[rows], self.logits[rows], labels)


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


class Extraction:
    """Collects the features of images that come in batches, and the first `keep` images."""

    def __init__(self, extractor: Extractor, keep: int = 0) -> None:
        self.extractor, self.keep = extractor, keep
        self.missing = keep
        self.parts: list[Features] = []

    def add(self, images: Tensor, labels: Tensor | None = None) -> None:
        """Images (n, c, h, w), uint8 or float in [-1, 1], on any device, with their classes (n,) if they have any."""
        with exact(self.extractor.device):
            pixels, finite = to_uint8(images.to(self.extractor.device))
            # With one channel, strides that mean the same choose another convolution and other last digits.
            pixels = pixels.clone(memory_format=torch.contiguous_format)
            pooled, logits = (output.float() for output in self.extractor.network(pixels))
            finite &= pooled.isfinite().all(1) & logits.isfinite().all(1)
        part = Features(
            pooled[finite].cpu(),
            logits[finite].cpu(),
            None if labels is None else labels.to(finite.device)[finite].cpu(),
            non_finite=int((~finite).sum()),
        )
        if self.missing > 0:
            part.first = pixels[: self.missing].cpu()
            part.first_labels = None if labels is None else labels[: self.missing].cpu()
            self.missing -= len(part.first)
        self.parts.append(part)

    def features(self) -> Features | None:
        """All of them, of all ranks, on the first rank; None on the others. Frees what was collected."""
        parts, self.parts = self.parts, []
        everywhere = parallel.gather_objects(parts)
        if everywhere is None:
            return None
        return Features.joined([part for parts in everywhere for part in parts], self.keep)
