"""A trained model from its checkpoint alone: no data set, no repeated overrides."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from gan_experiments.components import find
from gan_experiments.config import Config
from gan_experiments.data import Data, ImageSet
from gan_experiments.data.transforms import Pixels
from gan_experiments.errors import UserError, did_you_mean
from gan_experiments.models import Feed, LatentModel, Model
from gan_experiments.plain import plain
from gan_experiments.runs import EXPORTED
from gan_experiments.training import checkpoint
from gan_experiments.training.device import Gpu
from gan_experiments.training.inspection import Allowance
from gan_experiments.training.sampler import Sampler
from gan_experiments.training.standing import Standing
from gan_experiments.types import ImageShape, Inputs

GROUPS = ("model", "network", "loss")  # what sampling needs
PARTS: dict[str, type] = {
    **dict.fromkeys(("record.config", "describe.classes", "describe.shape"), dict),
    **dict.fromkeys(("engine.networks", "engine.ema"), dict),
    **dict.fromkeys(("engine.step", "engine.images_seen"), int),
}
SPARE = 1 << 28  # bytes that building may take besides the weights
MEASURES = ("data", "metrics", "gpu")  # what evaluating needs besides
GROUP_OF = {"head": "head", "penalties": "penalty"}  # of the components inside a model


def describe(config: Config, shape: ImageShape) -> dict[str, Any]:
    """What a checkpoint says of itself: the classes to build and the shape of the images."""
    names: dict[str, str] = {}
    for group in (*GROUPS, *MEASURES):
        names |= classes(getattr(config, group), group)
    return {"classes": names, "shape": dataclasses.asdict(shape)}


def classes(component: Any, place: str) -> dict[str, str]:
    """The class of a component and of its components (model.head, metrics.parts.lenet), by their places."""
    names = {place: class_name(component)}
    for field in dataclasses.fields(component):
        value = getattr(component, field.name)
        parts = value if isinstance(value, dict) else {"": value}
        for name, part in parts.items():
            if dataclasses.is_dataclass(part):
                names |= classes(part, ".".join(filter(None, [place, field.name, name])))
    return names


def class_name(component: object) -> str:
    """The name by which `components.find` finds a component's class again."""
    kind = type(component)
    own = kind.__module__.partition(".")[0] == "gan_experiments"
    return kind.__name__ if own else f"{kind.__module__}.{kind.__name__}"


class Restored:
    """The sampling networks of a checkpoint, averaged where there is an average, on `device`.

    modules: modules of the user's own that the checkpoint may import; others than these are refused, so that a
    stranger's checkpoint cannot choose what runs. Raises UserError.
    """

    def __init__(self, path: Path, device: torch.device, modules: Iterable[str] = ()) -> None:
        state = checkpoint.load(path, device, PARTS)
        self.device = device
        self.path, self.modules = path, tuple(modules)
        with checkpoint.understanding(path):
            self.record: dict[str, Any] = state["record"]
            self.step: int = state["engine"]["step"]
            self.images_seen: int = state["engine"]["images_seen"]
            self.classes: dict[str, str] = state["describe"]["classes"]
            self.ema: float = self.record["config"]["train"]["ema"] if state["engine"]["ema"] else 0
            self.shape = _shape(state["describe"]["shape"])
            model, network, loss, gpu = (self.component(group) for group in (*GROUPS, "gpu"))
            self.model: Model = model
            self.gpu: Gpu = gpu
            weights = state["engine"]["networks"] | state["engine"]["ema"]
            with Allowance(SPARE + 8 * path.stat().st_size):
                self.networks: dict[str, nn.Module] = self.model.build(network, loss, self.shape)
            if path.name == EXPORTED:  # it has what sampling needs alone
                self.networks = {name: self.networks[name] for name in weights}
            for name, module in self.networks.items():
                module.load_state_dict(weights[name])
                layout = self.gpu.memory_format(network)
                module.to(device, memory_format=layout).eval()  # type: ignore[call-overload]
        self.gpu.prepare(device)
        standing = Standing(self.model, self.networks, self.gpu, device, seed=0)
        with checkpoint.understanding(path):
            standing.load_state_dict(state.get("standing", {}))
        self.sampler = Sampler(self.model, standing.networks, self.gpu, device, panel_networks=self.networks)

    def component(self, group: str) -> Any:
        """The model, data set, metrics, ... of the run; raises UserError."""
        return OmegaConf.to_object(self.settings(group))

    def settings(self, group: str) -> DictConfig:
        """What the run was told of a group (model, data, metrics, ...), typed; raises UserError."""
        if group not in self.classes:
            raise UserError(f"{self.path} does not say which {group} it was trained with: add {group}=NAME")
        settings = OmegaConf.create({group: self.record["config"][group]})
        for place, name in self.classes.items():
            if place.partition(".")[0] != group:
                continue
            module = name.rpartition(".")[0]
            if module and module not in self.modules:
                raise UserError(f"{self.path} uses {name}; if you trust it, add --module {module}")
            kind = find(GROUP_OF.get(place.split(".")[1], group) if "." in place else group, name)
            typed = OmegaConf.merge(OmegaConf.structured(kind), OmegaConf.select(settings, place))
            OmegaConf.update(settings, place, typed, merge=False)
        own: DictConfig = settings[group]
        return own

    def label(self, name: str | int) -> int:
        """The class of that name or number; raises UserError where there is none."""
        names = self.shape.class_names or ()
        if isinstance(name, int):
            return name
        if name in names:
            return names.index(name)
        if not re.fullmatch(r"-?\d{1,9}", name):
            known = (
                f"its classes are {', '.join(map(plain, names))}"
                if names
                else "its classes have numbers only"
            )
            raise UserError(f"there is no class '{name}': {known}" + did_you_mean(name, names))
        return int(name)

    def feed(self, seed: int, label: int | str | None = None, sources: Pixels | None = None) -> Feed:
        """The inputs that sampling draws; `label`: of this class only; `sources`: images to translate.

        Raises UserError where there is no such class, or the model is told none.
        """
        if label is None:
            return self.model.feed(seed, self.device, sources)
        if "labels" not in self.model.needs or not isinstance(self.model, LatentModel):
            raise UserError("this model is not told which class to draw")
        label = self.label(label)
        if not 0 <= label < self.shape.classes:
            raise UserError(f"the classes are 0 to {self.shape.classes - 1}, so there is no {label}")
        if self.shape.counts is not None and self.shape.counts[label] == 0:
            raise UserError(f"the data had no images of class {label}, so the model never learnt it")
        return self.model.feed(seed, self.device, label=label)

    def generate(self, inputs: Inputs, direction: str = "", batch_size: int = 256) -> Tensor:
        """Images (n, c, h, w) in [-1, 1] on the CPU."""
        return torch.cat([self.sampler(part, direction).cpu() for part in inputs.split(batch_size)])


def shape_of(data: Data, real: ImageSet) -> ImageShape:
    """The shape of the images to train on, with the names of the classes and the number of images in each."""
    if real.labels is None:
        return data.shape
    counts = np.bincount(real.labels, minlength=data.num_classes)
    return dataclasses.replace(data.shape, counts=tuple(counts.tolist()), class_names=real.class_names)


def _shape(record: dict[str, Any]) -> ImageShape:
    source = record.get("source")
    lists = {name: tuple(record[name]) for name in ("counts", "class_names") if record.get(name)}
    return ImageShape(**{**record, **lists, "source": ImageShape(**source) if source else None})
