"""Less memory for more time: what happens inside a network's blocks is computed again when the backward pass needs it."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from gan_experiments.errors import UserError
from gan_experiments.networks.discriminator import Trunk

Buffers = list[dict[str, Tensor | None]]  # of a block's modules, in their order


class Recomputed:
    """Mixed into a block's class: keeps the block's inputs alone (Chen et al. 2016, gradient checkpointing).

    The second computation starts from the buffers of the first, so that power iterations and batch statistics come out
    equal, and leaves those of now as they are. The result is that of one pass, to the bit.
    """

    def forward(self, *inputs: Tensor) -> Tensor:
        inside: Any = super()
        assert isinstance(self, nn.Module)
        if not torch.is_grad_enabled():
            outputs: Tensor = inside.forward(*inputs)
            return outputs
        before: Buffers = [
            {name: None if b is None else b.clone() for name, b in module._buffers.items()}
            for module in self.modules()
        ]
        contexts = nullcontext(), BuffersOf(self, before)
        outputs = checkpoint(inside.forward, *inputs, use_reentrant=False, context_fn=lambda: contexts)
        return outputs


class BuffersOf:
    """A context in which the block has copies of the buffers that it had `before`; entered once for every backward pass."""

    def __init__(self, block: nn.Module, before: Buffers) -> None:
        self.modules = list(block.modules())
        self.before = before

    def __enter__(self) -> None:
        self.now = [module._buffers for module in self.modules]
        for module, kept in zip(self.modules, self.before, strict=True):
            module._buffers = {name: None if b is None else b.clone() for name, b in kept.items()}

    def __exit__(self, *error: object) -> None:
        for module, buffers in zip(self.modules, self.now, strict=True):
            module._buffers = buffers


def recompute(networks: dict[str, nn.Module], family: str) -> None:
    """Make every block of all `networks` a `Recomputed` one, in place; raises UserError where they have none."""
    found = [block for network in networks.values() for block in blocks(network)]
    if not found:
        raise UserError(
            f"gpu.checkpointing=true: the networks of network={family} have no blocks whose inside could be computed "
            "again; those of resnet, biggan and stylegan2 have"
        )
    for block in found:
        own = type(block)
        block.__class__ = type(own.__name__, (Recomputed, own), {})


def blocks(module: nn.Module, in_sequence: bool = False) -> list[nn.Module]:
    """The smallest parts of a sequence with several weights: what is computed inside them is worth forgetting."""
    sequence = isinstance(module, (nn.Sequential, nn.ModuleList))
    inner = [block for child in module.children() for block in blocks(child, sequence)]
    if inner or not in_sequence or sequence or isinstance(module, Trunk):
        return inner
    return [module] if sum(weight.ndim > 1 for weight in module.parameters()) > 1 else []
