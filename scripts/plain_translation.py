"""CycleGAN's and pix2pix's steps as public code writes them: what scripts/bench.py measures the package against.

fp32, NCHW, a DataLoader that opens, resizes, crops, flips and normalises picture by picture, fakes generated anew for
the discriminators, one network pass for each batch of images, discriminators never frozen, a pool of earlier fakes on
the CPU, the optimiser as torch gives it by default, a loss fetched every step. Networks and losses are the package's.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from gan_experiments.config import Config
from gan_experiments.models import CycleGan
from gan_experiments.networks import Translator
from gan_experiments.networks.cyclegan import ImageConv2d
from gan_experiments.networks.layers import InstanceNorm

PICTURES = 32  # of each domain


def write_pictures(folder: Path, size: int) -> None:
    """Random pictures in the folders trainA, trainB, testA and testB."""
    generator = torch.Generator().manual_seed(0)
    for name in ("trainA", "trainB", "testA", "testB"):
        (folder / name).mkdir(parents=True)
        for index in range(PICTURES):
            pixels = torch.randint(0, 256, (size, size, 3), dtype=torch.uint8, generator=generator)
            Image.fromarray(pixels.numpy()).save(folder / name / f"{index}.png")


class Domains(Dataset[tuple[Tensor, Tensor]]):
    """Pictures of both domains."""

    def __init__(self, folder: Path, size: int) -> None:
        self.files = [sorted((folder / name).iterdir()) for name in ("trainA", "trainB")]
        self.transform = transforms.Compose(
            [
                transforms.Resize(round(size * 286 / 256)),
                transforms.RandomCrop(size),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize([0.5] * 3, [0.5] * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.files[0])

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        a, b = (self.transform(Image.open(files[index]).convert("RGB")) for files in self.files)
        return a, b


class ListPool:
    """Earlier fakes in a list on the CPU."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def exchange(self, images: Tensor) -> Tensor:
        exchanged = []
        for image in images.detach().cpu():
            if len(self.images) < self.size:
                self.images.append(image)
            elif random.random() < 0.5:
                place = random.randrange(self.size)
                image, self.images[place] = self.images[place], image
            exchanged.append(image)
        return torch.stack(exchanged).to(images.device)


def textbook_layers() -> None:
    """Let the package's layers compute as torch's own of these names do."""

    def norm(layer: InstanceNorm, x: Tensor) -> Tensor:
        return nn.InstanceNorm2d.forward(layer, x)

    def convolution(layer: ImageConv2d, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, [layer.kernel_size[0] // 2] * 4, mode="reflect"), layer.weight, layer.bias)

    InstanceNorm.forward = norm  # type: ignore[method-assign]
    ImageConv2d.forward = convolution  # type: ignore[method-assign]


def steps(config: Config, folder: Path) -> Callable[[], None]:
    """One iteration of the plain loop of a CycleGAN or a pix2pix, on the pictures in `folder`."""
    textbook_layers()
    device = config.gpu.resolve()
    networks = config.model.build(config.network, config.loss, config.data.shape)
    for network in networks.values():
        network.to(device)

    def forever() -> Iterator[tuple[Tensor, Tensor]]:
        pictures = Domains(folder, config.data.image_size)
        while True:
            yield from DataLoader(pictures, config.train.batch_size, shuffle=True, drop_last=True)

    batches = ((a.to(device), b.to(device)) for a, b in forever())
    optimizers = {}
    for phase in config.model.phases():
        parameters = itertools.chain(*(networks[name].parameters() for name in phase.updates))
        optimizers[phase.rate] = torch.optim.Adam(
            parameters, config.optim.lr, (config.optim.beta1, config.optim.beta2)
        )
    make = cyclegan if isinstance(config.model, CycleGan) else pix2pix
    return make(config, networks, optimizers, batches)


def update(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    loss.item()


def generate(network: nn.Module, images: Tensor) -> Tensor:
    assert isinstance(network, Translator)
    noise = torch.rand(len(images), network.noise_dims, device=images.device) if network.noise_dims else None
    fakes: Tensor = network(images, noise)
    return fakes


def cyclegan(
    config: Config,
    networks: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    batches: Iterator[tuple[Tensor, Tensor]],
) -> Callable[[], None]:
    model, loss = config.model, config.loss
    to_b, to_a = networks["generator_a_to_b"], networks["generator_b_to_a"]
    judge_a, judge_b = networks["discriminator_a"], networks["discriminator_b"]
    pool_a, pool_b = ListPool(model.pool), ListPool(model.pool)

    def iteration() -> None:
        a, b = next(batches)
        fake_b, fake_a = generate(to_b, a), generate(to_a, b)
        total = model.adversarial * (loss.generator(judge_b(fake_b)) + loss.generator(judge_a(fake_a)))
        total = total + model.cycle * F.l1_loss(generate(to_a, fake_b), a)
        total = total + model.cycle * F.l1_loss(generate(to_b, fake_a), b)
        total = total + model.cycle * model.identity * F.l1_loss(generate(to_b, b), b)
        total = total + model.cycle * model.identity * F.l1_loss(generate(to_a, a), a)
        update(optimizers["generator"], total)
        fake_b, fake_a = pool_b.exchange(generate(to_b, a)), pool_a.exchange(generate(to_a, b))
        total = loss.discriminator(judge_b(b), judge_b(fake_b))
        total = total + loss.discriminator(judge_a(a), judge_a(fake_a))
        update(optimizers["discriminator"], model.discriminator_weight * total)

    return iteration


def pix2pix(
    config: Config,
    networks: dict[str, nn.Module],
    optimizers: dict[str, torch.optim.Optimizer],
    batches: Iterator[tuple[Tensor, Tensor]],
) -> Callable[[], None]:
    model, loss = config.model, config.loss
    generator, discriminator = networks["generator"], networks["discriminator"]

    def judge(a: Tensor, b: Tensor) -> Tensor:
        scores: Tensor = discriminator(torch.cat([a, b], dim=1))
        return scores

    def iteration() -> None:
        a, b = next(batches)
        fake = generate(generator, a).detach()
        total = model.discriminator_weight * loss.discriminator(judge(a, b), judge(a, fake))
        update(optimizers["discriminator"], total)
        fake = generate(generator, a)
        total = model.adversarial * loss.generator(judge(a, fake)) + model.l1 * F.l1_loss(fake, b)
        update(optimizers["generator"], total)

    return iteration
