"""Speed and memory of a training step against the same step written as a plain eager loop.

    python scripts/bench.py                                # every model x network at MNIST's and CIFAR's shape
    python scripts/bench.py --cases dcgan:dcgan san:resnet --shapes cifar --precision bf16 --rounds 9
    python scripts/bench.py --cases cyclegan:cyclegan pix2pix:unet --shapes 64 --batch-size 1 network.width=32

The plain loop is what most public code does: fp32, NCHW, a DataLoader that decodes, converts and normalises image by
image, fakes generated anew for each network, gradients of the discriminator's weights in the generator's step too, the
optimiser as torch gives it by default, resizing and convolution one after the other, second derivatives that hold the
zeros of convolutions and rectifiers, a loss fetched every step. Both
compute the same networks, losses and penalties. Each runs in a process of its own, in turns, so that the ratio holds
when the machine's speed drifts. Images are random bytes: only their shape matters. The plain loops that translate are
in plain_translation.py.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

import plain_translation
from gan_experiments.cli.composing import built, composed
from gan_experiments.config import Config
from gan_experiments.models import Gan
from gan_experiments.networks.resampling import DownConv2d, UpConv2d
from gan_experiments.noise import Noise
from gan_experiments.penalties import gradient
from gan_experiments.training.run import Run

SHAPES = {"mnist": (1, 28), "cifar": (3, 32), "64": (3, 64), "128": (3, 128)}
SIMPLE = ["mnist", "cifar"]  # those that are measured unless others are asked for
MODELS = ["gan", "dcgan", "wgan", "wgan_gp", "gan_gp", "sngan", "san"]
NETWORKS = ["mlp", "dcgan", "sndcgan", "resnet"]
TRANSLATORS = {"cyclegan": "domain_folders", "pix2pix": "paired_folders"}  # with the data that they are given


def compose(model: str, network: str, shape: str, arguments: argparse.Namespace, folder: str) -> Config:
    channels, size = SHAPES[shape]
    if model in TRANSLATORS:
        plain_translation.write_pictures(Path(folder), size)
        own = [f"data={TRANSLATORS[model]}", f"data.path={folder}"]
    else:
        images = np.random.default_rng(0).integers(0, 256, (2048, size, size, channels), dtype=np.uint8)
        np.savez(f"{folder}/images.npz", train_images=images)
        own = ["data=npz", f"data.path={folder}/images.npz", "data.num_classes=0"]
        own.append(f"model.discriminator_steps={arguments.discriminator_steps}")
    config = built(
        composed(
            [
                f"model={model}", f"network={network}", *own, "metrics=none", f"paths.data={folder}",
                f"data.channels={channels}", f"data.image_size={size}",
                f"train.batch_size={arguments.batch_size}", f"gpu={arguments.gpu}",
                f"gpu.precision={arguments.precision}", *arguments.overrides,
            ]
        )
    )  # fmt: skip
    assert isinstance(config, Config)
    return config


class Images(Dataset[torch.Tensor]):
    """What torchvision's data sets do for each image."""

    def __init__(self, images: np.ndarray[Any, Any]) -> None:
        self.images = images
        mean = [0.5] * images.shape[1]
        self.transform = transforms.Compose(
            [transforms.ToPILImage(), transforms.ToTensor(), transforms.Normalize(mean, mean)]
        )

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> torch.Tensor:
        image: torch.Tensor = self.transform(self.images[index].transpose(1, 2, 0))
        return image


def plain(config: Config, images: np.ndarray[Any, Any]) -> Callable[[], None]:
    """One iteration of the plain loop."""
    device = config.gpu.resolve()
    model: Gan = config.model
    networks = model.build(config.network, config.loss, config.data.shape)
    for network in networks.values():
        network.to(device)
    generator, discriminator = networks["generator"], networks["discriminator"]
    optimizers = {name: config.optim.build([*network.parameters()]) for name, network in networks.items()}
    for optimizer in optimizers.values():
        for group in optimizer.param_groups:
            group["fused"] = None  # torch's default
    noise = Noise(0, device)

    def forever() -> Iterator[torch.Tensor]:
        while True:
            yield from DataLoader(Images(images), config.train.batch_size, shuffle=True, drop_last=True)

    batches = forever()

    def iteration() -> None:
        for _ in range(model.discriminator_steps):
            real = next(batches).to(device)
            fake = generator(model.latents(noise, len(real))).detach()
            features = discriminator.features(real), discriminator.features(fake)
            loss = torch.stack([*discriminator.head.terms(config.loss, *features).losses.values()]).sum()
            for penalty in model.penalties.values():
                value = penalty.loss(discriminator, real, fake, noise)
                if value is not None:
                    loss = loss + penalty.weight * value
            optimizers["discriminator"].zero_grad()
            loss.backward()
            optimizers["discriminator"].step()
            model.constrain()
            loss.item()
        loss = config.loss.generator(discriminator(generator(model.latents(noise, config.train.batch_size))))
        optimizers["generator"].zero_grad()
        loss.backward()
        optimizers["generator"].step()
        loss.item()

    return iteration


def textbook_layers() -> None:
    """Resizing and convolution one after the other, and second derivatives as torch has them: what is usual."""

    def up(layer: UpConv2d, x: Tensor) -> Tensor:
        return F.conv2d(F.interpolate(x, scale_factor=2.0), layer.weight, layer.bias, padding=1)

    def down(layer: DownConv2d, x: Tensor) -> Tensor:
        return F.avg_pool2d(F.conv2d(x, layer.weight, layer.bias, padding=1), 2)

    def of_inputs(critic: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
        return torch.autograd.grad(critic(points).sum(), points, create_graph=True)[0]

    UpConv2d.forward = up  # type: ignore[method-assign]
    DownConv2d.forward = down  # type: ignore[method-assign]
    gradient.gradient_in = of_inputs


def instrument(run: Run, spent: dict[str, float]) -> None:
    """Time what is not network arithmetic: data, optimisers, and averages with the records of losses."""

    def timed(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            before = now(run.device)
            result = function(*arguments, **options)
            spent[name] += now(run.device) - before
            return result

        return call

    engine = run.engine
    engine._draw = timed("data", engine._draw)
    engine._average = timed("bookkeeping", engine._average)  # type: ignore[method-assign]
    engine._check = timed("bookkeeping", engine._check)  # type: ignore[method-assign]
    engine._record = timed("bookkeeping", engine._record)  # type: ignore[method-assign]
    for optimizer in engine.optimizers.values():
        optimizer.step = timed("optimizer", optimizer.step)  # type: ignore[method-assign]


def now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(function: Callable[[], None], steps: int, device: torch.device) -> float:
    before = now(device)
    for _ in range(steps):
        function()
    return (now(device) - before) / steps


def serve(
    pipe: Connection, kind: str, model: str, network: str, shape: str, arguments: argparse.Namespace
) -> None:
    """One of the two loops in this process: answers "time", "memory" and "shares" until told None."""
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        config = compose(model, network, shape, arguments, folder)
        device = config.gpu.resolve()
        before = resident_peak(reset=True)
        if kind == "ours":
            run = Run(config, Path(folder), {})
            step = run.engine.iterate
        elif model in TRANSLATORS:
            step = plain_translation.steps(config, Path(folder))
        else:
            textbook_layers()
            step = plain(config, config.data.load("train", Path(folder)).images)
        seconds(step, 2, device)
        while (question := pipe.recv()) is not None:
            if question == "time":
                pipe.send(seconds(step, arguments.steps, device))
            elif question == "memory":
                cuda = device.type == "cuda"
                pipe.send(torch.cuda.max_memory_allocated() / 2**20 if cuda else resident_peak() - before)
            elif question == "shares":
                spent: dict[str, float] = defaultdict(float)
                instrument(run, spent)
                total = seconds(step, arguments.steps, device) * arguments.steps
                pipe.send({name: value / total for name, value in sorted(spent.items())})


@contextmanager
def process(kind: str, *case: Any) -> Iterator[Callable[[str], Any]]:
    """A function that asks a loop in a process of its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    child = context.Process(target=serve, args=(there, kind, *case))
    child.start()
    there.close()

    def ask(question: str) -> Any:
        here.send(question)
        return here.recv()

    try:
        yield ask
        here.send(None)
    finally:
        here.close()
        child.join()


def measure(model: str, network: str, shape: str, arguments: argparse.Namespace) -> dict[str, Any]:
    case = model, network, shape, arguments
    times: dict[str, list[float]] = {"ours": [], "plain": []}
    with process("plain", *case) as ask_plain, process("ours", *case) as ask_ours:
        memory = {"ours": ask_ours("memory"), "plain": ask_plain("memory")}
        for _ in range(arguments.rounds):
            times["plain"].append(ask_plain("time"))
            times["ours"].append(ask_ours("time"))
        shares = ask_ours("shares")
    ratios = sorted(p / o for p, o in zip(times["plain"], times["ours"], strict=True))
    return {
        "model": model,
        "network": network,
        "shape": shape,
        "batch_size": arguments.batch_size,
        "images_per_second": arguments.batch_size / statistics.median(times["ours"]),
        "ratio": statistics.median(ratios),
        "ratio_min": ratios[0],
        "ratio_max": ratios[-1],
        "share": shares,
        "peak_mib": memory,
    }


def resident_peak(reset: bool = False) -> float:
    """Peak resident memory of this process in MiB (Linux), since the start or the last reset."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = [f"{model}:{network}" for model in MODELS for network in NETWORKS]
    parser.add_argument("--cases", nargs="+", default=every, metavar="MODEL:NETWORK")
    parser.add_argument("--shapes", nargs="+", default=SIMPLE, choices=SHAPES)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--discriminator-steps", type=int, default=1, help="of both loops (default: 1)")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of measurements (default: 5)")
    parser.add_argument("--steps", type=int, default=3, help="steps in each (default: 3)")
    parser.add_argument("--gpu", default="auto")
    parser.add_argument("--precision", default="fp32", help="of ours; the plain loop is fp32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path, help="also write the rows here, one JSON object a line")
    parser.add_argument("overrides", nargs="*", help="settings for both, such as network.width=32")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        f"torch {torch.__version__}, {arguments.threads} threads, batch {arguments.batch_size}, {arguments.precision}"
    )
    print(
        "| model | network | shape | images/s | times the plain loop (min-max) | data | optimiser | rest "
        "| peak MiB (plain) |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for shape in arguments.shapes:
        for case in arguments.cases:
            row = measure(*case.split(":"), shape, arguments)
            share = row["share"]
            print(
                f"| {row['model']} | {row['network']} | {shape} | {row['images_per_second']:.3g} "
                f"| {row['ratio']:.2f} ({row['ratio_min']:.2f}-{row['ratio_max']:.2f}) | {share['data']:.1%} "
                f"| {share['optimizer']:.1%} | {share['bookkeeping']:.1%} "
                f"| {row['peak_mib']['ours']:.0f} ({row['peak_mib']['plain']:.0f}) |",
                flush=True,
            )
            if arguments.json:
                with arguments.json.open("a") as file:
                    file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
