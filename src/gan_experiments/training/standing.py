"""Batch-norm statistics of the network that is sampled ("standing statistics", Brock et al. 2019, appendix).

A generator that also decodes an encoder's codes, or nothing else, has running statistics of codes, and is then
sampled from latents of the prior with them. Here they are taken again from what sampling draws.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from gan_experiments.models import Model
from gan_experiments.networks.layers import BatchNorm
from gan_experiments.training.device import Gpu

BATCHES, SIZE = 32, 64  # of generated images that the statistics are taken from
STREAM = 4_000_037  # offset of the random stream of their inputs


class Standing:
    """Copies of a model's sampled networks whose batch norm knows the inputs of sampling alone.

    networks: those that training averages, or the live ones. `networks` of this object are the ones to sample from:
    the very same where the model does not ask for it (`Model.standing`) or has no batch norm. The statistics are a
    function of the weights and `seed`, so that a resumed run has the same.
    """

    def __init__(
        self, model: Model, networks: dict[str, nn.Module], gpu: Gpu, device: torch.device, seed: int
    ) -> None:
        self.model, self.gpu, self.device, self.seed = model, gpu, device, seed
        self.sources = {
            name: network
            for name, network in networks.items()
            if name in model.standing and any(isinstance(layer, BatchNorm) for layer in network.modules())
        }
        self.copies = {
            name: copy.deepcopy(network).requires_grad_(False) for name, network in self.sources.items()
        }
        self.networks = {**networks, **self.copies}

    @torch.no_grad()
    def update(self) -> None:
        """Take the weights of now, and their statistics; all ranks of a run call it together."""
        if not self.copies:
            return
        for name, network in self.copies.items():
            network.load_state_dict(self.sources[name].state_dict())
        momenta = {layer: layer.momentum for layer in self._layers()}
        for layer in momenta:
            layer.reset_running_stats()
        feed = self.model.feed(self.seed + STREAM, self.device)
        for batch in range(BATCHES):
            for layer in momenta:
                layer.train()
                layer.momentum = 1 / (batch + 1)  # the mean over batches
            with self.gpu.autocast(self.device):
                self.model.sample(self.networks, feed.take(SIZE))
        for layer, momentum in momenta.items():
            layer.eval()
            layer.momentum = momentum

    def _layers(self) -> Iterator[BatchNorm]:
        for network in self.copies.values():
            yield from (layer for layer in network.modules() if isinstance(layer, BatchNorm))

    def state_dict(self) -> dict[str, dict[str, Tensor]]:
        """The statistics, for sampling from a checkpoint."""
        return {name: dict(network.named_buffers()) for name, network in self.copies.items()}

    def load_state_dict(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Take the weights of now and the statistics that `state_dict` gave."""
        for name, buffers in state.items():
            self.copies[name].load_state_dict({**self.sources[name].state_dict(), **buffers})
