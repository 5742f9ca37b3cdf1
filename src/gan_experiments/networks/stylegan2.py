"""StyleGAN2's networks (Karras et al. 2020), as StyleGAN2-ADA trains them on small images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import torch
from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments import parallel
from gan_experiments.errors import UserError
from gan_experiments.networks.base import Generator, Network
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import LinearLayer, Norm
from gan_experiments.types import ImageShape

GAIN = math.sqrt(2)  # of leaky ReLU, so that it keeps the variance
MAPPING_RATE = 0.01  # learning rate of the mapping network relative to the others'


def rectified(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2) * GAIN


@cache  # not copied to the device at every call, which cannot be recorded as a CUDA graph
def _taps(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=dtype, device=device) / 8


def blur(x: Tensor, pad: int, gain: float = 1.0) -> Tensor:
    """Low-pass filter of x (n, c, h, w) by the outer product of (1, 3, 3, 1) / 8 with itself, times `gain`."""
    taps = _taps(x.dtype, x.device)
    channels = x.shape[1]
    rows = (taps * gain)[None, None, :, None].expand(channels, 1, -1, -1)
    columns = taps[None, None, None, :].expand(channels, 1, -1, -1)
    return F.conv2d(
        F.conv2d(x, rows, padding=(pad, 0), groups=channels), columns, padding=(0, pad), groups=channels
    )


def doubled(x: Tensor) -> Tensor:
    """Twice the size: zeros between the pixels, then the low-pass filter."""
    n, c, h, w = x.shape
    spread = F.pad(x[:, :, :, None, :, None], (0, 1, 0, 0, 0, 1)).reshape(n, c, 2 * h, 2 * w)
    return blur(F.pad(spread, (2, 1, 2, 1)), pad=0, gain=4)


class Rectified(nn.Module):
    """`rectified` as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return rectified(x)


class Dense(nn.Module):
    """A linear layer with equalised learning rate: weights N(0, 1) at rest, scaled by `rate` / sqrt(inputs) in use."""

    def __init__(
        self, inputs: int, outputs: int, /, *, bias: bool = True, start: float = 0.0, rate: float = 1.0
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), start / rate)) if bias else None
        self.scale, self.rate = rate / math.sqrt(inputs), rate

    def forward(self, x: Tensor) -> Tensor:
        bias = self.bias * self.rate if self.bias is not None else None
        return F.linear(x, self.weight * self.scale, bias)


class Convolution(nn.Module):
    """A convolution with equalised learning rate, rectified; `down` blurs and halves the size."""

    def __init__(
        self, before: int, after: int, kernel: int, down: bool = False, linear: bool = False
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after)) if not linear else None
        self.scale, self.kernel, self.down = 1 / math.sqrt(before * kernel**2), kernel, down

    def forward(self, x: Tensor) -> Tensor:
        if self.down:
            x = blur(x, pad=1 + self.kernel // 2)
            x = F.conv2d(x, self.weight * self.scale, self.bias, stride=2)
        else:
            x = F.conv2d(x, self.weight * self.scale, self.bias, padding=self.kernel // 2)
        return rectified(x) if self.bias is not None else x


class StyledConvolution(nn.Module):
    """A convolution whose input channels are scaled by a style, its output to unit variance (`demodulate`), with noise.

    Equations 1 and 3 of the paper, on activations rather than weights, which gives the same.
    """

    def __init__(
        self, before: int, after: int, kernel: int, latent: int, up: bool = False, demodulate: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(after))
        self.style = Dense(latent, before, start=1.0)
        self.scale, self.up, self.demodulate = 1 / math.sqrt(before * kernel**2), up, demodulate
        self.strength = nn.Parameter(torch.zeros(())) if demodulate else None

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style, weight = self.style(w), self.weight * self.scale
        x = x * style[:, :, None, None]
        if self.up:
            x = blur(F.conv_transpose2d(x, weight.transpose(0, 1), stride=2), pad=1, gain=4)
        else:
            x = F.conv2d(x, weight, padding=weight.shape[2] // 2)
        if not self.demodulate:
            return x + self.bias[:, None, None]
        power = style.square() @ weight.square().sum((2, 3)).T
        x = x * torch.rsqrt(power + 1e-8)[:, :, None, None]
        if self.training and self.strength is not None:
            x = x + self.strength * _noise(x)
        return rectified(x + self.bias[:, None, None])


def _noise(x: Tensor) -> Tensor:
    """N(0, 1) of shape (n, 1, h, w): one draw for all ranks, of which each takes its samples."""
    total = len(x) * parallel.world_size()
    return torch.randn(total, 1, *x.shape[2:], device=x.device)[parallel.local_slice(total)]


class Synthesis(nn.Module):
    """Latents through the mapping network to styles, and styles to images by summed RGB outputs (figure 7b)."""

    def __init__(
        self, latent: int, width: int, depth: int, start: int, channels: list[int], image: int
    ) -> None:
        super().__init__()
        sizes = [latent] + [width] * depth
        self.mapping = nn.ModuleList(Dense(a, b, rate=MAPPING_RATE) for a, b in pairwise(sizes))
        self.constant = nn.Parameter(torch.randn(channels[0], start, start))
        self.first = StyledConvolution(channels[0], channels[0], 3, width)
        self.colours = nn.ModuleList(
            StyledConvolution(c, image, 1, width, demodulate=False) for c in channels
        )
        self.ups = nn.ModuleList(StyledConvolution(a, b, 3, width, up=True) for a, b in pairwise(channels))
        self.convolutions = nn.ModuleList(StyledConvolution(c, c, 3, width) for c in channels[1:])

    def styles(self, latents: Tensor) -> Tensor:
        """w (n, width) of latents z, each z scaled to length sqrt(dim)."""
        w = latents * torch.rsqrt(latents.square().mean(1, keepdim=True) + 1e-8)
        for layer in self.mapping:
            w = rectified(layer(w))
        return w

    def forward(self, latents: Tensor) -> Tensor:
        w = self.styles(latents)
        x = self.first(self.constant.expand(len(w), -1, -1, -1), w)
        image: Tensor = self.colours[0](x, w)
        for up, convolution, colour in zip(self.ups, self.convolutions, self.colours[1:], strict=True):
            x = convolution(up(x, w), w)
            image = doubled(image) + colour(x, w)
        return image


class MinibatchDeviation(nn.Module):
    """One more channel: the standard deviation over groups of `group` samples, averaged over channels and pixels."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        group = math.gcd(self.group, len(x))
        y = x.view(group, -1, *x.shape[1:])
        deviation = (y.var(0, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
        return torch.cat([x, deviation.repeat(group)[:, None, None, None].expand(-1, 1, *x.shape[2:])], dim=1)


class HalvingBlock(nn.Module):
    """Two convolutions, the second of which halves the size; with `residual` a 1x1 shortcut beside them."""

    def __init__(self, before: int, after: int, residual: bool) -> None:
        super().__init__()
        self.first = Convolution(before, before, 3)
        self.second = Convolution(before, after, 3, down=True)
        self.shortcut = Convolution(before, after, 1, down=True, linear=True) if residual else None

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.second(self.first(x))
        return (hidden + self.shortcut(x)) / GAIN if self.shortcut is not None else hidden


@dataclass
class StyleGAN2(Network):
    """Skip generator with modulated convolutions; discriminator with or without residual blocks.

    `width`: the most channels of a map (512), and the size of the styles; maps above 64 pixels have fewer. `mapping_depth`:
    layers from z to w (8; 2 for CIFAR-10). `residual`: blocks of the discriminator (off for CIFAR-10). `deviation_group`:
    samples over which the discriminator sees a standard deviation. Left out: style mixing and the path length penalty,
    which the CIFAR-10 setting does without.
    """

    mapping_depth: int = MISSING
    residual: bool = MISSING
    deviation_group: int = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("mapping_depth", "deviation_group"):
            if getattr(self, name) < 1:
                raise UserError(f"network.{name} must be at least 1, not {getattr(self, name)}")
        self._refuse(self.generator_norm, "network.generator_norm")

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        start, count = self.halvings(shape)
        channels = [self._channels(start * 2**index) for index in range(count + 1)]
        body = Synthesis(latent_dim, self.width, self.mapping_depth, start, channels, shape.channels)
        return Generator(body, bounded=False)

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        self._refuse(norm, "model.discriminator_norm")
        start, count = self.halvings(shape)
        channels = [self._channels(start * 2**index) for index in range(count, -1, -1)]
        last = channels[-1]
        body = nn.Sequential(
            Convolution(shape.channels, channels[0], 1),
            *[HalvingBlock(before, after, self.residual) for before, after in pairwise(channels)],
            MinibatchDeviation(self.deviation_group),
            Convolution(last + 1, last, 3),
            nn.Flatten(),
            Dense(last * start**2, last),
            Rectified(),
        )
        return Trunk(body, last)

    def linear(self, norm: Norm) -> LinearLayer:
        return Dense

    def _channels(self, size: int) -> int:
        return min(self.width, max(1, 64 * self.width // size))

    def _refuse(self, norm: Norm, key: str) -> None:
        if norm is not Norm.none:
            raise UserError(f"network=stylegan2 has its own normalisation: {key}=none")
