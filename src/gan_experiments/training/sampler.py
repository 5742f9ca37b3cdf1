"""From inputs to images: the one place where training, evaluation and the commands sample."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from gan_experiments.models import Model
from gan_experiments.training.device import Gpu
from gan_experiments.types import Inputs


class Sampler:
    """Images from a model's `networks`, in eval mode, in the run's precision and without gradients.

    panel_networks: those of panels, where these are others. Each network's mode comes back after every call.
    """

    def __init__(
        self,
        model: Model,
        networks: dict[str, nn.Module],
        gpu: Gpu,
        device: torch.device,
        panel_networks: dict[str, nn.Module] | None = None,
    ) -> None:
        self.model, self.networks, self.gpu, self.device = model, networks, gpu, device
        self.panel_networks = panel_networks or networks

    def __call__(self, inputs: Inputs, direction: str = "") -> Tensor:
        """Images (n, c, h, w) in [-1, 1], float32, on the device; one batch."""
        with self._evaluating():
            return self.model.sample(self.networks, inputs, direction).float()

    def panels(self, inputs: Inputs, direction: str = "") -> dict[str, Tensor]:
        """The columns of a picture of given images; empty for a method that takes no images in."""
        with self._evaluating():
            panels = self.model.panels(self.panel_networks, inputs, direction)
            return {name: images.float() for name, images in panels.items()}

    def scores(self, images: Tensor) -> Tensor | None:
        """The discriminator's scores (n,), or None where the method has none."""
        with self._evaluating():
            return self.model.scores(images)

    @contextmanager
    def _evaluating(self) -> Iterator[None]:
        modes = {
            network: network.training for network in (*self.networks.values(), *self.panel_networks.values())
        }
        try:
            for network in modes:
                network.eval()
            with torch.no_grad(), self.gpu.autocast(self.device):
                yield
        finally:
            for network, training in modes.items():
                network.train(training)
