"""torch.compile for the networks of a run: which of them, and whether this machine can."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from gan_experiments.errors import UserError
from gan_experiments.models import Model
from gan_experiments.networks import Autoencoder, Discriminator

POWER_ITERATION = ("_u", "_v")  # the ends of its vectors' names in torch's spectral norm


def check_compiler(device: torch.device) -> None:
    """Raise UserError on a CPU without the C++ compiler that torch.compile needs there."""
    if device.type != "cpu":
        return
    from torch._inductor import cpp_builder

    try:
        cpp_builder.get_cpp_compiler()
    except RuntimeError as error:
        raise UserError(
            "gpu.compile=true: torch.compile needs a C++ compiler, and finds none on this machine (g++, or what CXX "
            "names); gpu.compile=false runs without"
        ) from error


def compilable(networks: Mapping[str, nn.Module], model: Model) -> list[str]:
    """The names of the networks whose gradients compiled code can take.

    It has no second derivatives (AOTAutograd): under a penalty on an input gradient only averaged networks, the
    generators, can do without. And where power iteration has a vector of one number (a layer with one input or output),
    Inductor keeps no copy of it, so that a second pass through the network spoils the first one's gradients.
    """
    twice = model.differentiates_twice()
    able = [name for name in networks if not twice or name in model.averaged()]
    return [name for name in able if not _overwrites(networks[name])]


def _overwrites(network: nn.Module) -> bool:
    return any(
        buffer.numel() == 1
        for part in parts(network)
        for name, buffer in part.named_buffers()
        if name.endswith(POWER_ITERATION)
    )


def compile_networks(networks: Mapping[str, nn.Module], model: Model) -> None:
    """Have what can be compiled compiled at its first call, with the random numbers of a run without."""
    import torch._inductor.config

    torch._inductor.config.fallback_random = True
    warnings.filterwarnings("ignore", message=r"Dynamo detected a call to a `functools.lru_cache`")
    for name in compilable(networks, model):
        for part in parts(networks[name]):
            part.compile()


def parts(network: Any) -> list[nn.Module]:
    """What the phases call of a network: of a discriminator its trunk, and its decoder, not the whole."""
    if isinstance(network, Autoencoder):
        return [network.trunk, network.head]
    return [network.trunk] if isinstance(network, Discriminator) else [network]
