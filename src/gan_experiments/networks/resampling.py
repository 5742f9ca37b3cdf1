"""Convolutions next to a change of resolution, each as one strided convolution."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _doubled(kernel: Tensor) -> Tensor:
    """A kernel (out, in, 3, 3) convolved with a box of 2x2 ones, (out, in, 4, 4)."""
    padded = F.pad(kernel, (1, 1, 1, 1))
    rows = padded[:, :, 1:] + padded[:, :, :-1]
    return rows[..., 1:] + rows[..., :-1]


class UpConv2d(nn.Conv2d):
    """A 3x3 convolution of an image whose pixels are repeated to double its size: (n, c, h, w) to (n, c', 2h, 2w).

    Computed as a transposed 4x4 convolution of stride 2, which gives the same sums with 16 products for 36.
    """

    def __init__(self, before: int, after: int, bias: bool = True) -> None:
        super().__init__(before, after, 3, padding=1, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        kernel = _doubled(self.weight).flip(2, 3).transpose(0, 1)
        if self.weight.is_contiguous(memory_format=torch.channels_last):
            kernel = kernel.contiguous(memory_format=torch.channels_last)
        return F.conv_transpose2d(input, kernel, self.bias, stride=2, padding=1)


class DownConv2d(nn.Conv2d):
    """A 3x3 convolution whose result is halved in size by averaging 2x2 pixels: (n, c, h, w) to (n, c', h/2, w/2).

    Computed as a 4x4 convolution of stride 2, which gives the same sums with 16 products for 36.
    """

    def __init__(self, before: int, after: int, bias: bool = True) -> None:
        super().__init__(before, after, 3, padding=1, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.conv2d(input, _doubled(self.weight) / 4, self.bias, stride=2, padding=1)
