"""A trained model from its checkpoint alone: no data set, no repeated overrides."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from gan_experiments.components import find
from gan_experiments.config import Config
from gan_experiments.errors import UserError
from gan_experiments.models import Model
from gan_experiments.noise import Noise
from gan_experiments.training import checkpoint
from gan_experiments.types import ImageShape

GROUPS = ("model", "network", "loss")


def describe(config: Config) -> dict[str, Any]:
    """What a checkpoint says of itself: the classes to build and the shape of the images."""
    shape = config.data.shape
    return {
        "classes": {group: class_name(getattr(config, group)) for group in GROUPS},
        "shape": dataclasses.asdict(shape),
    }


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
        state = checkpoint.load(path, device)
        self.record: dict[str, Any] = state["record"]
        self.step: int = state["engine"]["step"]
        self.device = device
        self.shape = ImageShape(**state["describe"]["shape"])
        parts: dict[str, Any] = {}
        for group, name in state["describe"]["classes"].items():
            module = name.rpartition(".")[0]
            if module and module not in modules:
                raise UserError(f"{path} uses {name}; if you trust it, add --module {module}")
            schema = OmegaConf.structured(find(group, name))
            parts[group] = OmegaConf.to_object(OmegaConf.merge(schema, self.record["config"][group]))
        self.model: Model = parts["model"]
        self.networks: dict[str, nn.Module] = self.model.build(parts["network"], parts["loss"], self.shape)
        for name, network in self.networks.items():
            network.load_state_dict(state["engine"]["ema"].get(name, state["engine"]["networks"][name]))
            network.to(device).eval()

    def latents(self, samples: int, seed: int) -> Tensor:
        """`samples` draws from the model's prior, shape (samples, latent_dim)."""
        return self.model.latents(Noise(seed, self.device, split=False), samples)

    @torch.no_grad()
    def generate(self, latents: Tensor, batch_size: int = 256) -> Tensor:
        """Images (n, c, h, w) in [-1, 1] on the CPU."""
        parts = [
            self.model.sample(self.networks, part).float().cpu() for part in torch.split(latents, batch_size)
        ]
        return torch.cat(parts)
