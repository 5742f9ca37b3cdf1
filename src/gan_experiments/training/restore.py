"""A trained model from its checkpoint alone: no data set, no repeated overrides."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from gan_experiments.components import find
from gan_experiments.config import Config
from gan_experiments.errors import UserError
from gan_experiments.models import Model
from gan_experiments.noise import Noise
from gan_experiments.training import checkpoint
from gan_experiments.training.inspection import Allowance
from gan_experiments.types import ImageShape

GROUPS = ("model", "network", "loss")  # what sampling needs
PARTS: dict[str, type] = {
    **dict.fromkeys(("record.config", "describe.classes", "describe.shape"), dict),
    **dict.fromkeys(("engine.networks", "engine.ema"), dict),
    **dict.fromkeys(("engine.step", "engine.images_seen"), int),
}
SPARE = 1 << 28  # bytes that building may take besides the weights
MEASURES = ("data", "metrics", "gpu")  # what evaluating needs besides


def describe(config: Config) -> dict[str, Any]:
    """What a checkpoint says of itself: the classes to build and the shape of the images."""
    shape = config.data.shape
    found = {group: class_name(getattr(config, group)) for group in GROUPS}
    for group in MEASURES:
        found |= classes(getattr(config, group), group)
    return {"classes": found, "shape": dataclasses.asdict(shape)}


def classes(component: object, place: str) -> dict[str, str]:
    """The class of a component and of those in its dictionaries (metrics.parts.lenet), by their places."""
    found = {place: class_name(component)}
    for field, value in vars(component).items():
        for name, part in value.items() if isinstance(value, dict) else ():
            if dataclasses.is_dataclass(part):
                found |= classes(part, f"{place}.{field}.{name}")
    return found


def class_name(component: object) -> str:
    """The name by which `components.find` finds a component's class again."""
    kind = type(component)
    own = kind.__module__.partition(".")[0] == "gan_experiments"
    return kind.__name__ if own else f"{kind.__module__}.{kind.__name__}"


class Restored:
    """The sampling networks of a checkpoint, averaged where there is an average, in eval mode on `device`.

    modules: modules of the user's own that the checkpoint may import; others than these are refused, so that a
    stranger's checkpoint cannot choose what runs. Raises UserError.
    """

    def __init__(self, path: Path, device: torch.device, modules: Iterable[str] = ()) -> None:
        state = checkpoint.load(path, device, PARTS)
        self.record: dict[str, Any] = state["record"]
        self.step: int = state["engine"]["step"]
        self.images_seen: int = state["engine"]["images_seen"]
        self.device = device
        self.path, self.modules = path, tuple(modules)
        self.classes: dict[str, str] = state["describe"]["classes"]
        with checkpoint.understanding(path):
            self.ema: float = self.record["config"]["train"]["ema"] if state["engine"]["ema"] else 0
            self.shape = ImageShape(**state["describe"]["shape"])
            parts: dict[str, Any] = {group: OmegaConf.to_object(self.settings(group)) for group in GROUPS}
            self.model: Model = parts["model"]
            weights = state["engine"]["networks"] | state["engine"]["ema"]
            with Allowance(SPARE + 8 * path.stat().st_size):
                self.networks: dict[str, nn.Module] = self.model.build(
                    parts["network"], parts["loss"], self.shape
                )
            for name, network in self.networks.items():
                network.load_state_dict(weights[name])
                network.to(device).eval()

    def settings(self, group: str) -> DictConfig:
        """What the run was told of a group (model, data, metrics, ...), typed; raises UserError."""
        if group not in self.classes:
            raise UserError(f"{self.path} does not say which {group} it was trained with: add {group}=NAME")
        found = OmegaConf.create({group: self.record["config"][group]})
        for place, name in self.classes.items():
            if place.partition(".")[0] != group:
                continue
            module = name.rpartition(".")[0]
            if module and module not in self.modules:
                raise UserError(f"{self.path} uses {name}; if you trust it, add --module {module}")
            typed = OmegaConf.merge(OmegaConf.structured(find(group, name)), OmegaConf.select(found, place))
            OmegaConf.update(found, place, typed, merge=False)
        settings: DictConfig = found[group]
        return settings

    def latents(self, samples: int, seed: int, label: int | None = None) -> Tensor:
        """`samples` draws from the model's prior, (samples, d); `label` asks for one class.

        Raises UserError where there is no such class, or the model is told none.
        """
        latents = self.model.latents(Noise(seed, self.device, split=False), samples)
        if label is None:
            return latents
        if self.model.labels(latents) is not None and not 0 <= label < self.shape.classes:
            raise UserError(f"the classes are 0 to {self.shape.classes - 1}, so there is no {label}")
        return self.model.told(latents, torch.full((samples,), label, device=self.device))

    @torch.no_grad()
    def generate(self, latents: Tensor, batch_size: int = 256) -> Tensor:
        """Images (n, c, h, w) in [-1, 1] on the CPU."""
        parts = [
            self.model.sample(self.networks, part).float().cpu() for part in torch.split(latents, batch_size)
        ]
        return torch.cat(parts)
