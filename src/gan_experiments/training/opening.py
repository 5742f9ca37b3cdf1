"""What a run says before its first update: what it trains, on what, how, and where that ends up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Any

from torch import nn

from gan_experiments.config import Config
from gan_experiments.data import ImageSet
from gan_experiments.figures import aligned
from gan_experiments.runs import relative
from gan_experiments.training.compiling import compilable

OF_SCHEDULE = ("schedule", "decay_start", "final_factor", "eps")  # settings too many for one line


def opening(
    config: Config, record: Mapping[str, Any], real: ImageSet, networks: Mapping[str, nn.Module], folder: Path
) -> str:
    """The start-up block; `record` has the run's choices and provenance, `real` its training images."""
    choices, machine = record["choices"], record["provenance"]

    def option(group: str) -> str:
        return str(choices.get(group) or type(getattr(config, group)).__name__)

    train = config.train
    sizes = [
        f"{name} {sum(weight.numel() for weight in network.parameters()):,}"
        for name, network in networks.items()
    ]
    end = f"{train.steps:,} steps" if train.images is None else f"{train.images:,} images"
    parts = f", in {train.accumulate} parts" * (train.accumulate > 1)
    ranks = f"{machine['devices']} ranks, " * (machine["devices"] > 1)
    return aligned(
        [
            ("device", f"{machine['device']}, {ranks}threads {machine['threads']}"),
            ("precision", machine["precision"]),
            *_updates(config, next(iter(networks.values()))),
            *_compiled(config, networks),
            ("data", f"{option('data')}, {_images(config, real)}"),
            ("model", option("model")),
            ("networks", f"{option('network')}, parameters: {', '.join(sizes)}"),
            *([("init", machine["init"])] if "init" in machine else []),
            ("loss", ", ".join([option("loss"), *getattr(config.model, "penalties", {})])),
            ("optimiser", f"{option('optim')}, {_optimiser(config.optim)}"),
            ("length", f"{end}, {train.batch_size} images a batch{parts}"),
            ("folder", str(relative(folder))),
        ]
    )


def _updates(config: Config, network: nn.Module) -> list[tuple[str, str]]:
    """On a CUDA device, whether updates are launched one by one."""
    if next(network.parameters()).device.type != "cuda" or config.model.unrecorded:
        return []
    eager = "launched one by one: gpu.graphs=true replays them from a recording, mostly several times as fast"
    return [("updates", "replayed from a recording" if config.gpu.graphs else eager)]


def _compiled(config: Config, networks: Mapping[str, nn.Module]) -> list[tuple[str, str]]:
    """Which networks are compiled, and why others are not."""
    if not config.gpu.compile:
        return []
    chosen = compilable(networks, config.model)
    others = [name for name in networks if name not in chosen]
    text = f"{', '.join(chosen)}, which delays the first updates" if chosen else "nothing"
    why = f"; not {', '.join(others)}, whose gradients compiled code cannot take" if others else ""
    return [("compiled", text + why)]


def _images(config: Config, real: ImageSet) -> str:
    shape = config.data.shape
    kind = f"images of {shape.channels}x{shape.size}x{shape.size}" if shape.bounded else "points"
    text = f"{len(real):,} {kind}"
    if real.sources is not None:
        text += f", {len(real.sources):,} of the other domain"
    return f"{text}, {shape.classes} classes" if shape.classes else text


def _optimiser(optim: Any) -> str:
    values = {field.name: getattr(optim, field.name) for field in fields(optim)}
    parts = [
        f"{name} {value}" for name, value in values.items() if value is not None and name not in OF_SCHEDULE
    ]
    schedule = values["schedule"].value if isinstance(values["schedule"], Enum) else values["schedule"]
    return ", ".join(parts + [f"{schedule} decay"] * (schedule != "constant"))
