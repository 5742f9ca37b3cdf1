"""The residual networks of BigGAN (Brock, Donahue & Simonyan, ICLR 2019), as its CIFAR-10 recipe has them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.networks.base import Generator, normalized
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import BatchNorm, Norm, normal_init, spectrally_normalized
from gan_experiments.networks.resampling import UpConv2d
from gan_experiments.networks.resnet import ResNet
from gan_experiments.types import ImageShape


class ClassBatchNorm(nn.Module):
    """Batch norm whose gain and bias are linear in a condition (n, `condition`): 1 + gain(c), bias(c)."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.norm = BatchNorm(channels, affine=False)
        self.gain = nn.Linear(condition, channels, bias=False)
        self.bias = nn.Linear(condition, channels, bias=False)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, bias = 1 + self.gain(condition), self.bias(condition)
        moved: Tensor = self.norm(x) * gain[:, :, None, None] + bias[:, :, None, None]
        return moved


class ClassUpBlock(nn.Module):
    """The generator's block of SN-GAN's ResNet with batch norm told the class."""

    def __init__(self, before: int, after: int, condition: int) -> None:
        super().__init__()
        self.enter = ClassBatchNorm(before, condition)
        self.first = UpConv2d(before, after)
        self.between = ClassBatchNorm(after, condition)
        self.second = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        hidden = self.first(F.relu(self.enter(x, condition)))
        hidden = self.second(F.relu(self.between(hidden, condition)))
        residual: Tensor = hidden + F.interpolate(self.shortcut(x), scale_factor=2.0)
        return residual


class ClassGenerator(nn.Module):
    """Latents (n, latent_dim) and classes int64 (n,) to images before their tanh."""

    def __init__(self, latent_dim: int, classes: int, start: int, channels: list[int], image: int) -> None:
        super().__init__()
        self.classes = classes
        self.dense = nn.Linear(latent_dim, channels[0] * start**2)
        self.unflatten = nn.Unflatten(1, (channels[0], start, start))
        self.blocks = nn.ModuleList(
            ClassUpBlock(before, after, classes) for before, after in pairwise(channels)
        )
        self.leave = nn.Sequential(
            BatchNorm(channels[-1]), nn.ReLU(), nn.Conv2d(channels[-1], image, 3, padding=1)
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        condition = F.one_hot(labels, self.classes).to(z.dtype)
        x = self.unflatten(self.dense(z))
        for block in self.blocks:
            x = block(x, condition)
        images: Tensor = self.leave(x)
        return images


@dataclass
class BigGAN(ResNet):
    """SN-GAN's ResNet with class-conditional batch norm, spectral norm in the generator too, and N(0, 0.02^2) weights.

    As the recipe for CIFAR-10: no attention, no shared embedding, no hierarchical latents. With width 64: 256 channels
    in both networks at 32 pixels, the pyramids of `ResNet` above.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.generator_norm is not Norm.batch:
            raise UserError(
                "network=biggan normalises by class-conditional batch norm: network.generator_norm=batch"
            )

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        raise UserError(
            "network=biggan draws images of a given class: choose model=biggan, biggan_san, cgan, acgan or "
            "conditional_san, or network=resnet"
        )

    def conditional_generator(self, latent_dim: int, classes: int, shape: ImageShape) -> nn.Module:
        start, _ = self.halvings(shape)
        body = ClassGenerator(latent_dim, classes, start, self.generator_channels(shape), shape.channels)
        return Generator(spectrally_normalized(body.apply(normal_init)))

    def small_maps(self) -> int:
        return 4 * self.width

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        trunk = super().trunk(shape, norm if norm is not Norm.spectral else Norm.none).apply(normal_init)
        return normalized(trunk, norm, self.spectral_scale)
